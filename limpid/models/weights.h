#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "limpid/checkpoints/checkpoint.h"
#include "limpid/nn/linear.h"

/// Where modules take their weights from: any checkpoint, by the names that Hugging Face uses.
namespace limpid {

using nn::Precision;
using torch::Tensor;

/// As precise as the weights are: exact for float32 matrices, bf16 for those of 16 bits, int8 for blocks. What most
/// weights have counts.
Precision natural_precision(const Checkpoint& checkpoint);

struct LoadOptions {
  Precision precision = Precision::BF16;        ///< of activations in inference
  bool trainable = false;                       ///< float32 tensors under autograd instead of packed weights
  torch::ScalarType compute = torch::kFloat32;  ///< of products when trainable; kBFloat16 keeps float32 master weights
  std::optional<int64_t> layers;                ///< only the first layers of the model
  bool frozen = false;     ///< with trainable: weights get no gradient, matrices are kept in `compute`; adapters learn
  bool recompute = false;  ///< with trainable: a block's activations are forgotten and made again in backward
  /// With trainable: the adapter of a linear layer by its full Hugging Face name ("model.layers.0.mlp.up_proj"), null
  /// for none.
  std::function<std::shared_ptr<const nn::LowRank>(const std::string& name, int64_t out, int64_t in)> adapter;
  /// With trainable: makes the weights that a checkpoint would hold, float32, by full name with its ending.
  std::function<Tensor(const std::string& name, torch::IntArrayRef shape)> fresh;
  bool eight_bit = false;  ///< round the layers' matrices to 8-bit blocks where their width allows (inference)
  /// Matrices of another model in memory, used instead of the checkpoint's, by full Hugging Face name (inference).
  std::map<std::string, std::shared_ptr<const nn::PackedMatrix>> shared;
};

/// How a family's tensors lie in a checkpoint, where that differs from plain Hugging Face names and [out, in] order.
struct WeightLayout {
  std::vector<std::string> prefixes = {""};               ///< tried in front of a name, in this order
  std::function<std::string(const std::string&)> rename;  ///< Hugging Face name -> GGUF name
  std::function<int64_t(const std::string&)>
      interleaved_heads;                               ///< GGUF stores q and k rows for neighbour rotation: heads, or 0
  std::function<bool(const std::string&)> transposed;  ///< stored [in, out] (GPT-2)
};

/// A scope in a checkpoint: Weights("model").sub("layers.0").linear("self_attn.q_proj", …). Scopes share one registry
/// of the parameters handed out, under their full Hugging Face names: what is trained and what is saved.
class Weights {
 public:
  Weights(std::shared_ptr<const Checkpoint> checkpoint, WeightLayout layout, LoadOptions options);

  Weights sub(const std::string& name) const;
  bool has(const std::string& name) const;  ///< name with its ending, for example "q_proj.bias"

  /// Weight [out, in] and, where `bias`, bias [out]. @throws FormatError when missing, ShapeError naming both shapes.
  nn::Linear linear(const std::string& name, int64_t out, int64_t in, bool bias) const;
  nn::Embedding embedding(const std::string& name, int64_t rows, int64_t columns) const;
  /// The linear layer whose weight is an embedding already loaded (tied output matrix).
  nn::Linear tied(const nn::Embedding& embedding) const;
  Tensor vector(const std::string& name, int64_t size) const;  ///< float32 [size], a parameter when trainable

  const LoadOptions& options() const { return shared_->options; }
  const std::map<std::string, Tensor>& parameters() const { return shared_->parameters; }
  /// The matrices outside the blocks (embeddings, a separate output matrix), packed, by full Hugging Face name.
  const std::map<std::string, std::shared_ptr<const nn::PackedMatrix>>& tables() const { return shared_->tables; }

 private:
  struct Shared {
    std::shared_ptr<const Checkpoint> checkpoint;
    WeightLayout layout;
    LoadOptions options;
    std::map<std::string, Tensor> parameters;
    std::map<std::string, std::shared_ptr<const nn::PackedMatrix>> tables;
  };
  const TensorView* find(const std::string& full_name) const;
  /// The tensor in Hugging Face order; `storage` keeps the bytes when they had to be rearranged.
  TensorView matrix(const std::string& full_name, int64_t rows, int64_t columns, std::vector<std::byte>& storage) const;
  std::shared_ptr<const nn::PackedMatrix> packed(const std::string& full_name, int64_t rows, int64_t columns) const;
  Tensor parameter(const std::string& full_name, Tensor value) const;
  Tensor trainable_matrix(const std::string& full_name, int64_t rows, int64_t columns) const;

  std::shared_ptr<Shared> shared_;
  std::string prefix_;
};

}  // namespace limpid
