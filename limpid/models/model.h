#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "limpid/checkpoints/config.h"
#include "limpid/models/block_context.h"
#include "limpid/models/weights.h"
#include "limpid/tokenizers/tokenizer.h"

/// Decoder language models: one definition of each family for training and inference.
namespace limpid {

/// The named places of a forward pass that a method may read or change.
enum class Site {
  Embeddings,       ///< input of the first block, layer 0
  HeadOutputs,      ///< input of the attention output projection: heads side by side, [N, H * head_dim]
  AttentionOutput,  ///< after the output projection, before the residual sum, [N, D]
  LayerOutput,      ///< residual stream after a block, [N, D]
};

/// The doors to weights and activations (docs/architecture.md, The doors): sees and edits activations in place, for all
/// N tokens of the pass.
class ActivationHook {
 public:
  virtual ~ActivationHook() = default;
  virtual bool listens(Site site, int64_t layer) const { return true; }
  virtual void activations(Site site, int64_t layer, const nn::Pass& pass, Tensor& x) = 0;
  /// What a linear layer was given, x [N, in], and what came out, y [N, out], bias included: a change dW adds x dW^T to
  /// y.
  virtual bool listens(Projection projection, int64_t layer) const { return false; }
  virtual void projected(Projection projection, int64_t layer, const nn::Pass& pass, const Tensor& x, Tensor& y) {}
};

/// Which positions the final state is wanted at.
enum class Outputs { Last, All };  ///< the last token of each sequence; every token

class Model : public std::enable_shared_from_this<Model> {
 public:
  virtual ~Model() = default;

  const ModelConfig& config() const { return config_; }
  const std::filesystem::path& path() const { return path_; }
  /// Returns the precision of activations; float32 under autograd is exact.
  Precision precision() const;
  /// Returns how it is trained, null for packed weights.
  const TrainingOptions* training() const { return std::get_if<TrainingOptions>(&options_); }
  const std::shared_ptr<const Tokenizer>& tokenizer() const { return tokenizer_; }  ///< null when the folder has none
  /// Embeddings and a separate output matrix by name, for models that share them (InferenceOptions.shared).
  const std::map<std::string, std::shared_ptr<const nn::PackedMatrix>>& packed_tables() const { return tables_; }
  void set_tokenizer(std::shared_ptr<const Tokenizer> tokenizer) { tokenizer_ = std::move(tokenizer); }
  /// Tensors under autograd by name; empty for packed weights.
  const std::map<std::string, Tensor>& parameters() const { return parameters_; }

  nn::CacheType kv_cache() const { return pool_->shape().type; }
  /// An empty cache for one sequence of this model; see Note [One cache per model].
  nn::KvCache make_cache() const { return nn::KvCache(pool_); }

  /// Runs the pass through all layers, commits it to its caches, and returns the state after the final norm:
  /// [sequences, D] or [N, D], float32.
  /// @throws ConfigError when a cache belongs to another model or the context limit is exceeded.
  Tensor final_state(nn::Pass& pass, Outputs outputs, ActivationHook* hook = nullptr) const;
  /// Logits [rows, V] float32 of final states.
  Tensor output_matrix(const Tensor& final_state) const { return capped(head_.forward(before_output(final_state))); }
  /// The same, to the bit, for the tokens wanted[r], ascending, of row r; the rest is unspecified.
  Tensor output_matrix(const Tensor& final_state, std::span<const TokenIds> wanted) const {
    return capped(head_.forward(before_output(final_state), wanted));
  }
  /// Returns what the output matrix multiplies: final states, scaled in some families.
  Tensor before_output(const Tensor& final_state) const;
  const nn::Linear& head() const { return head_; }
  bool has(Projection projection) const { return linears_.at(0)[size_t(projection)].defined(); }
  /// @throws ConfigError where the block has none of that kind.
  const nn::Linear& projection(Projection projection, int64_t layer) const;

 protected:
  /// Takes the embedding, the output matrix and the linear layers of all blocks; a family adds its norms and whatever
  /// else it has.
  Model(const ModelConfig& config, const Weights& weights);
  virtual Tensor embed(const nn::Pass& pass) const;  ///< [N, D]; token embeddings times the config's scale by default
  virtual Tensor block(Tensor hidden, const BlockContext& context) const = 0;  ///< [N, D] -> [N, D]
  virtual Tensor final_norm(const Tensor& hidden) const = 0;                   ///< in the width of the output matrix
  /// Returns x + y times the config's residual scale.
  Tensor residual(Tensor x, const Tensor& y) const;

  ModelConfig config_;
  Tensor position_bias_;  ///< of the attention's scores (nn::AttentionSpec::bias); undefined in most families

 private:
  friend std::shared_ptr<Model> open_model(const std::filesystem::path&, const LoadOptions&);
  friend std::shared_ptr<Model> make_model(const ModelConfig&, std::shared_ptr<const Checkpoint>, const LoadOptions&);
  BlockContext context(int64_t layer, const nn::Pass& pass, ActivationHook* hook, const nn::RotaryTable& full,
                       const nn::RotaryTable& local) const;
  Tensor capped(Tensor logits) const;  ///< in place

  LoadOptions options_;
  std::map<std::string, Tensor> parameters_;
  std::map<std::string, std::shared_ptr<const nn::PackedMatrix>> tables_;
  nn::Embedding embedding_;
  nn::Linear head_;
  std::vector<BlockLinears> linears_;  // [num_layers]
  std::vector<nn::Experts> experts_;   // [num_layers]
  nn::Activation activation_;
  nn::Rotary rotary_, local_rotary_;  // of full and of sliding layers
  nn::Rotary still_;                  // of layers that do not rotate
  std::filesystem::path path_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::shared_ptr<nn::KvPool> pool_;
};

/// A Hugging Face folder or a GGUF file.
/// @throws ConfigError for a family that is not supported, naming it and those that are; FormatError for malformed
/// files.
std::shared_ptr<Model> open_model(const std::filesystem::path& path, const LoadOptions& options = {});

/// A model from a config and any checkpoint with that family's tensors; no tokenizer.
std::shared_ptr<Model> make_model(const ModelConfig& config, std::shared_ptr<const Checkpoint> checkpoint,
                                  const LoadOptions& options = {});

}  // namespace limpid
