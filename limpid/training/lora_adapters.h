#pragma once

#include <map>
#include <memory>
#include <set>

#include "limpid/checkpoints/peft.h"
#include "limpid/models/model.h"

/// The adapters of one model in training: low-rank changes of its linear layers.
namespace limpid {

/// Hands out an adapter for every linear layer that is meant, while a model is opened (TrainingOptions::adapter), and
/// keeps them. A ~ U(-1/sqrt(in), 1/sqrt(in)) (Kaiming uniform with a = sqrt 5, as peft), a function of seed and layer
/// name; B = 0: the model starts as its base.
class LoraAdapters {
 public:
  /// @param config  target_modules: last parts of names ("q_proj"); empty or "all-linear": every linear layer of the
  /// blocks
  LoraAdapters(PeftConfig config, uint64_t seed);

  /// Makes the adapter of a layer; null for one that is not meant.
  std::shared_ptr<const nn::LowRank> make(const std::string& name, int64_t out, int64_t in);
  /// @throws ConfigError when a target matched no layer, naming those there are. Call when the model is open.
  void check_targets() const;
  /// @throws ConfigError when an adapter cannot be written: files keep several layers in one matrix, which has one
  /// adapter for all. Call when the model is open.
  void check_storage(const ModelConfig& model) const;

  /// Returns "NAME.lora_A" [r, in] and "NAME.lora_B" [out, r] by the layer's name in Model::parameters().
  const std::map<std::string, torch::Tensor>& parameters() const { return parameters_; }
  /// Sets which numbers dropout draws from now on; pass -1: none is dropped. The masks are a function of seed, layer,
  /// step and pass.
  void set_pass(int64_t step, int64_t pass) { *pass_ = {step, pass}; }

  /// Writes a PEFT folder. @param model  the model that the adapters were made for
  void write(const fs::path& folder, const ModelConfig& model,
             const std::map<std::string, std::string>& metadata) const;
  /// Returns scale B A by weight name, [out, in].
  std::map<std::string, torch::Tensor> changes() const;

 private:
  struct Pass {
    int64_t step = 0, number = -1;
  };
  bool is_target(const std::string& name) const;

  PeftConfig config_;
  uint64_t seed_;
  std::shared_ptr<Pass> pass_ = std::make_shared<Pass>();
  std::map<std::string, torch::Tensor> parameters_;
  std::set<std::string> layers_, endings_;  ///< adapted layers; last parts of all names seen
};

/// Returns x with elements dropped with probability p and the others divided by 1 - p. Element i is a function of
/// (seed, layer, step, pass, i).
torch::Tensor dropped_out(const torch::Tensor& x, double p, uint64_t seed, uint64_t layer, int64_t step, int64_t pass);

}  // namespace limpid
