#pragma once

#include <torch/types.h>

#include <functional>
#include <memory>
#include <span>

#include "limpid/kernels/linear.h"

/// Linear layers and embeddings. A weight is either trainable (a float32 tensor under autograd, products by LibTorch in
/// float32 or bfloat16) or packed for inference (products by our kernels, whose rows do not influence one another).
namespace limpid::nn {

using kernels::PackedMatrix;
using kernels::Precision;
using torch::Tensor;

/// What an adapter adds to a linear layer: scale * dropout(x) A^T B^T. Hu et al. 2021, arXiv:2106.09685.
struct LowRank {
  Tensor a, b;  ///< [r, in] and [out, r], float32 under autograd
  double scale = 1.0;
  std::function<Tensor(const Tensor& x)> dropout;  ///< of the input, in training; may be empty

  Tensor forward(const Tensor& x) const;  ///< [N, in] -> [N, out], in the type of x
};

/// y = x W^T + b, W [out, in], b [out].
class Linear {
 public:
  Linear() = default;
  Linear(std::shared_ptr<const PackedMatrix> weight, Tensor bias, Precision precision);
  /// @param weight   float32; or already in `compute`, when it is not trained
  /// @param compute  torch::kFloat32 or torch::kBFloat16: what the product runs in; master weights stay float32
  Linear(Tensor weight, Tensor bias, torch::ScalarType compute, std::shared_ptr<const LowRank> adapter = nullptr);

  Tensor forward(const Tensor& x) const;  ///< [N, in] -> [N, out]; float32, or `compute` when trainable
  /// The same where only the outputs wanted[r], ascending, of row r are looked at; the rest of the result is
  /// unspecified.
  Tensor forward(const Tensor& x, std::span<const std::vector<int32_t>> wanted) const;
  bool defined() const { return packed_ || weight_.defined(); }
  bool trainable() const { return weight_.defined(); }
  int64_t out() const;
  const std::shared_ptr<const PackedMatrix>& packed() const { return packed_; }
  const Tensor& weight() const { return weight_; }  ///< defined when trainable
  const Tensor& bias() const { return bias_; }
  Precision precision() const { return precision_; }

 private:
  std::shared_ptr<const PackedMatrix> packed_;
  Tensor weight_, bias_;
  Precision precision_ = Precision::Exact;
  torch::ScalarType compute_ = torch::kFloat32;
  std::shared_ptr<const LowRank> adapter_;
};

/// Layers with the same input (query, key, value; gate, up) in one parallel region: one output tensor each.
std::vector<Tensor> forward_many(std::span<const Linear* const> layers, const Tensor& x);

/// Rows of a table by index.
class Embedding {
 public:
  Embedding() = default;
  explicit Embedding(std::shared_ptr<const PackedMatrix> table) : packed_(std::move(table)) {}
  explicit Embedding(Tensor table) : table_(std::move(table)) {}
  /// @return [N, D] float32. @throws ShapeError for an index outside the table.
  Tensor forward(std::span<const int32_t> indices) const;
  Tensor forward(const Tensor& indices) const {
    return torch::embedding(table_, indices).to(torch::kFloat32);
  }  ///< trainable tables only
  bool trainable() const { return table_.defined(); }
  const Tensor& table() const { return table_; }
  const std::shared_ptr<const PackedMatrix>& packed() const { return packed_; }

 private:
  std::shared_ptr<const PackedMatrix> packed_;
  Tensor table_;
};

}  // namespace limpid::nn
