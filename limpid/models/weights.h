#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "limpid/checkpoints/checkpoint.h"
#include "limpid/checkpoints/tensor_names.h"
#include "limpid/nn/experts.h"
#include "limpid/nn/kv_cache.h"
#include "limpid/nn/linear.h"
#include "limpid/nn/norm.h"

/// Where modules take their weights from: any checkpoint.
namespace limpid {

using nn::Precision;
using torch::Tensor;

/// Returns the precision that the weights have: exact for float32 matrices, bf16 for those of 16 bits, int8 for blocks.
/// What most weights have counts.
Precision natural_precision(const Checkpoint& checkpoint);

/// Packed weights that only compute.
struct InferenceOptions {
  Precision precision = Precision::BF16;        ///< of activations
  std::optional<int64_t> layers;                ///< only the first layers of the model
  nn::CacheType kv_cache = nn::CacheType::F32;  ///< how keys and values are kept
  bool eight_bit = false;                       ///< round the layers' matrices to 8-bit blocks where their width allows
  /// Matrices of another model in memory, used instead of the checkpoint's, by full name.
  std::map<std::string, std::shared_ptr<const nn::PackedMatrix>> shared;
};

/// float32 tensors under autograd.
struct TrainingOptions {
  torch::ScalarType compute = torch::kFloat32;  ///< of products; kBFloat16 keeps float32 master weights
  std::optional<int64_t> layers;                ///< only the first layers of the model
  bool frozen = false;     ///< weights get no gradient, matrices are kept in `compute`; adapters learn
  bool recompute = false;  ///< a block's activations are forgotten and made again in backward
  /// Returns the adapter of a linear layer by its full name ("model.layers.0.mlp.up_proj"), null for none.
  std::function<std::shared_ptr<const nn::LowRank>(const std::string& name, int64_t out, int64_t in)> adapter;
  /// Makes the weights that a checkpoint would hold, float32, by full name with its ending.
  std::function<Tensor(const std::string& name, torch::IntArrayRef shape)> fresh;
};

using LoadOptions = std::variant<InferenceOptions, TrainingOptions>;

/// The linear layers of one block by Projection; undefined where the family has none of that kind.
using BlockLinears = std::array<nn::Linear, kProjectionKinds>;

/// A scope in a checkpoint, by the names of Model::parameters(); the family's description (family.h) says where and how
/// they lie in the file. Scopes share one registry of the parameters handed out: what is trained and what is saved.
class Weights {
 public:
  /// @param checkpoint  null where TrainingOptions::fresh makes the weights
  Weights(std::shared_ptr<const Checkpoint> checkpoint, const ModelConfig& config, LoadOptions options);

  Weights block(int64_t layer) const;         ///< the scope of one block
  BlockLinears linears(int64_t layer) const;  ///< all that the description names, with their biases
  nn::Experts experts(int64_t layer) const;   ///< undefined where the block has none

  /// Weight [out, in] and, where `bias`, bias [out]. @throws FormatError when missing, ShapeError naming both shapes.
  nn::Linear linear(const std::string& name, int64_t out, int64_t in, bool bias) const;
  /// A convolution over `width` neighbours, stored [out, in, width], as the linear layer of their states side by side:
  /// [out, width * in], with a bias. Inference only.
  nn::Linear convolution(const std::string& name, int64_t out, int64_t in, int64_t width) const;
  nn::Embedding embedding(const std::string& name, int64_t rows, int64_t columns) const;
  /// The linear layer whose weight is an embedding already loaded (tied output matrix).
  nn::Linear tied(const nn::Embedding& embedding) const;
  /// Norms over `size` values, 0 standing for the hidden size, with the config's epsilon and the family's offset.
  nn::RmsNorm rms_norm(const std::string& name, int64_t size = 0) const;
  nn::LayerNorm layer_norm(const std::string& name, int64_t size = 0,
                           bool bias = true) const;            ///< also of files that say gamma and beta
  Tensor vector(const std::string& name, int64_t size) const;  ///< float32 [size], a parameter in training

  const ModelConfig& config() const { return shared_->config; }
  const LoadOptions& options() const { return shared_->options; }
  const TrainingOptions* training() const { return std::get_if<TrainingOptions>(&shared_->options); }
  /// @throws std::bad_variant_access for weights under autograd.
  const InferenceOptions& inference() const { return std::get<InferenceOptions>(shared_->options); }
  const std::map<std::string, Tensor>& parameters() const { return shared_->parameters; }
  /// The matrices outside the blocks (embeddings, a separate output matrix), packed, by full name.
  const std::map<std::string, std::shared_ptr<const nn::PackedMatrix>>& tables() const { return shared_->tables; }

 private:
  struct Shared {
    std::shared_ptr<const Checkpoint> checkpoint;
    ModelConfig config;
    LoadOptions options;
    std::map<std::string, Tensor> parameters;
    std::map<std::string, std::shared_ptr<const nn::PackedMatrix>> tables;
  };
  bool has(const std::string& name) const;  ///< name with its ending, for example "ln_1.bias"
  const TensorView* find(const StoredTensor& stored) const;
  const TensorView& at(const StoredTensor& stored) const;  ///< @throws FormatError when missing
  /// The tensor with its rows in the model's order; `storage` keeps the bytes when they had to be rearranged.
  TensorView matrix(const std::string& full_name, int64_t rows, int64_t columns, std::vector<std::byte>& storage) const;
  std::shared_ptr<const nn::PackedMatrix> packed(const std::string& full_name, int64_t rows, int64_t columns) const;
  Tensor parameter(const std::string& full_name, Tensor value) const;
  /// A router, or a layer of an expert: without a bias, and without an adapter in training.
  nn::Linear expert_linear(const std::string& name, int64_t out, int64_t in, Precision precision) const;
  Tensor trainable_matrix(const std::string& full_name, int64_t rows, int64_t columns) const;

  std::shared_ptr<Shared> shared_;
  std::string prefix_;
};

}  // namespace limpid
