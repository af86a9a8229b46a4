#include "limpid/checkpoints/family_parts.h"

/// BERT (Devlin et al. 2018, arXiv:1810.04805): learned positions and token types, tanh pooler.
namespace limpid {

Family bert_family() {
  using enum Projection;
  return {
      .name = "bert",
      .covers = "BERT and models fine-tuned from it",
      .model_types = {"bert"},
      .gguf_architectures = {"bert"},
      .defaults = {.max_positions = 512, .norm_eps = 1e-12, .activation = "gelu", .tied = true, .biased = true},
      .read_config = read_encoder_config,
      .prefix = "bert.",
      .layers = "encoder.layer.",
      .embedding = {"embeddings.word_embeddings"},
      .projections = {{Query, "attention.self.query", {}},
                      {Key, "attention.self.key", {}},
                      {Value, "attention.self.value", {}},
                      {AttentionOutput, "attention.output.dense", {}},
                      {MlpGate, "intermediate.dense", {}},
                      {MlpDown, "output.dense", {}}},
      .output_bias = OutputBias::Always,
      .encoder = EncoderParts{"attention.output.LayerNorm", "output.LayerNorm", "pooler.dense", "classifier"},
  };
}

}  // namespace limpid
