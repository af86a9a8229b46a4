#pragma once

#include <map>

#include "limpid/checkpoints/checkpoint.h"

/// Low-rank adapters as Hugging Face's peft library keeps them: a folder with adapter_config.json and
/// adapter_model.safetensors. Each adapted layer y = x W^T + b becomes y = x W^T + b + scale * x A^T B^T. Hu et al.
/// 2021, arXiv:2106.09685.
namespace limpid {

struct PeftConfig {
  int64_t rank = 16;                        ///< "r"
  double alpha = 32.0;                      ///< "lora_alpha"
  double dropout = 0.0;                     ///< of the adapter's input in training; nothing at inference
  bool rank_stabilised = false;             ///< "use_rslora"
  bool fan_in_fan_out = false;              ///< the base stores its matrices [in, out]; A and B are not affected
  std::vector<std::string> target_modules;  ///< ends of module names, for example "q_proj"
  std::string base_model;                   ///< path or name of the model that the adapter belongs to; may be empty

  /// Returns alpha / r, or alpha / sqrt(r) when rank-stabilised (Kalajdzievski 2023, arXiv:2312.03732).
  double scale(int64_t module_rank) const;
};

/// The two factors for one linear layer. The views live as long as their adapter.
struct PeftModule {
  /// Name of the layer in the base's checkpoint: "model.layers.0.self_attn.q_proj", "transformer.h.0.mlp.c_fc".
  std::string name;
  TensorView a;  ///< [r, in]
  TensorView b;  ///< [out, r]

  int64_t rank() const { return a.shape[0]; }
};

class PeftAdapter {
 public:
  /// Reads a folder. Every tensor is float32, float16 or bfloat16; module names are in order.
  /// @throws FormatError for malformed files: a factor without its partner, shapes that do not fit one another or the
  /// rank, numbers that are not finite; ConfigError for what is not supported, naming it: kinds other than LoRA, DoRA,
  /// trained biases, modules_to_save, adapted embeddings, alpha_pattern, weights of the base that init_lora_weights
  /// changes, any setting that is not known; adapters kept only as adapter_model.bin.
  static std::shared_ptr<const PeftAdapter> open(const fs::path& folder);

  const PeftConfig& config() const { return config_; }
  const std::vector<PeftModule>& modules() const { return modules_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }  ///< of the safetensors file
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  PeftConfig config_;
  std::shared_ptr<const Checkpoint> tensors_;
  std::vector<PeftModule> modules_;
  std::map<std::string, std::string> metadata_;
};

/// Returns whether a folder has an adapter_config.json.
bool is_peft_folder(const fs::path& folder);

/// Writes the two files, so that peft's PeftModel.from_pretrained loads them. The names of the tensors are made here.
/// @throws FormatError, before anything is written, for numbers that are not finite.
void write_peft(const fs::path& folder, const PeftConfig& config, const std::vector<PeftModule>& modules,
                const std::map<std::string, std::string>& metadata = {});

}  // namespace limpid
