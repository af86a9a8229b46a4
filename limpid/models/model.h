#pragma once

#include <any>
#include <filesystem>
#include <memory>
#include <string>

#include "limpid/checkpoints/config.h"
#include "limpid/models/weights.h"
#include "limpid/nn/pass.h"
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

/// The linear layers beside which a method may keep a change of its own (weights stay as they are, so that a change is
/// exact beside quantised blocks, can be undone, and has a strength per row).
enum class Projection {
  Query,            ///< q_proj, [H * head_dim, D]
  Key,              ///< k_proj, [kv_heads * head_dim, D]
  Value,            ///< v_proj, likewise
  QueryKeyValue,    ///< the three in one: c_attn in GPT-2, [3 D, D]
  AttentionOutput,  ///< o_proj, [D, H * head_dim]; the first c_proj in GPT-2
  MlpGate,          ///< gate_proj of a gated feed-forward, [F, D]; c_fc in GPT-2
  MlpUp,            ///< up_proj of a gated feed-forward, [F, D]
  MlpDown,          ///< down_proj, [D, F]; the second c_proj in GPT-2
};

/// Doors 1 and 2 of design.md: sees and edits activations in place, for all N tokens of the pass.
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
  const LoadOptions& options() const { return options_; }
  const std::shared_ptr<const Tokenizer>& tokenizer() const { return tokenizer_; }  ///< null when the folder has none
  /// Embeddings and a separate output matrix by Hugging Face name, for models that share them (LoadOptions.shared).
  const std::map<std::string, std::shared_ptr<const nn::PackedMatrix>>& packed_tables() const { return tables_; }
  void set_tokenizer(std::shared_ptr<const Tokenizer> tokenizer) { tokenizer_ = std::move(tokenizer); }
  /// Tensors under autograd by Hugging Face name; empty unless opened trainable.
  const std::map<std::string, Tensor>& parameters() const { return parameters_; }

  /// An empty cache for one sequence of this model; see Note [One cache per model].
  nn::KvCache make_cache() const { return nn::KvCache(pool_); }

  /// Runs the pass through all layers, commits it to its caches, and returns the state after the final norm:
  /// [sequences, D] or [N, D], float32.
  /// @throws ConfigError when a cache belongs to another model or the context limit is exceeded.
  Tensor final_state(nn::Pass& pass, Outputs outputs, ActivationHook* hook = nullptr) const;
  /// Logits [rows, V] float32 of final states.
  Tensor output_matrix(const Tensor& final_state) const { return head_.forward(final_state); }
  /// The same, to the bit, for the tokens wanted[r], ascending, of row r; the rest is unspecified.
  Tensor output_matrix(const Tensor& final_state, std::span<const TokenIds> wanted) const {
    return head_.forward(final_state, wanted);
  }
  const nn::Linear& head() const { return head_; }
  /// Null for a kind that this family does not have.
  virtual const nn::Linear* find(Projection projection, int64_t layer) const = 0;
  bool has(Projection projection) const { return find(projection, 0) != nullptr; }
  const nn::Linear& projection(Projection projection,
                               int64_t layer) const;  ///< @throws ConfigError where the family has none

 protected:
  /// What a block needs besides the hidden state.
  struct Context {
    const nn::Pass& pass;
    ActivationHook* hook;
    std::any tables;  ///< the family's own, made once per pass (rotary tables)
    void visit(Site site, int64_t layer, Tensor& x) const {
      if (hook && hook->listens(site, layer)) hook->activations(site, layer, pass, x);
    }
    void visit(Projection projection, int64_t layer, const Tensor& x, Tensor& y) const {
      if (hook && hook->listens(projection, layer)) hook->projected(projection, layer, pass, x, y);
    }
    /// Of separate query, key and value layers with the input x.
    void visit_qkv(int64_t layer, const Tensor& x, std::vector<Tensor>& qkv) const {
      visit(Projection::Query, layer, x, qkv[0]);
      visit(Projection::Key, layer, x, qkv[1]);
      visit(Projection::Value, layer, x, qkv[2]);
    }
  };
  /// The visits of one feed-forward block, as nn::GatedMlp calls them.
  struct MlpVisits {
    const Context& context;
    int64_t layer;
    void gate(const Tensor& x, Tensor& y) const { context.visit(Projection::MlpGate, layer, x, y); }
    void up(const Tensor& x, Tensor& y) const { context.visit(Projection::MlpUp, layer, x, y); }
    void down(const Tensor& x, Tensor& y) const { context.visit(Projection::MlpDown, layer, x, y); }
  };

  Model(ModelConfig config, LoadOptions options);
  virtual Tensor embed(const nn::Pass& pass) const = 0;  ///< [N, D]
  virtual std::any tables(const nn::Pass& pass) const { return {}; }
  virtual Tensor block(int64_t layer, Tensor hidden, const Context& context) const = 0;  ///< [N, D] -> [N, D]
  virtual Tensor final_norm(const Tensor& hidden) const = 0;

  /// Token embeddings of the pass, [N, D], from a table that is packed or trainable.
  static Tensor embed_tokens(const nn::Embedding& table, const nn::Pass& pass);

  ModelConfig config_;
  LoadOptions options_;
  std::map<std::string, Tensor> parameters_;
  std::map<std::string, std::shared_ptr<const nn::PackedMatrix>> tables_;
  nn::Linear head_;

 private:
  friend std::shared_ptr<Model> open_model(const std::filesystem::path&, const LoadOptions&);
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
