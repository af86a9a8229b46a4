#include "limpid/checkpoints/family_parts.h"

/// Mistral 7B (Jiang et al. 2023, arXiv:2310.06825) and Ministral: Llama's blocks with a window in every layer.
/// GGUF files call them llama, which has no window.
namespace limpid {

Family llama_family();

Family mistral_family() {
  Family family = llama_family();
  family.name = "mistral";
  family.covers = "Mistral 7B, Ministral, Mistral Nemo, Zephyr";
  family.model_types = {"mistral", "ministral"};
  family.gguf_architectures = {};
  family.written_as = "llama";
  family.defaults.num_kv_heads = 8;
  family.defaults.max_positions = 131072;
  family.defaults.slides = true;
  family.defaults.sliding_window = 4096;
  family.write_config = nullptr;
  family.output_bias = OutputBias::Never;
  return family;
}

}  // namespace limpid
