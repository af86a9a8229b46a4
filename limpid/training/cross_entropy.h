#pragma once

#include <torch/types.h>

/// Cross-entropy of a large output matrix, without ever holding all logits.
namespace limpid {

struct CrossEntropyOptions {
  torch::ScalarType compute = torch::kFloat32;  ///< of the products: kFloat32 or kBFloat16
  int64_t chunk_rows = 256;                     ///< rows whose logits exist at one time
  double softcap = 0;                           ///< c: logits become c tanh(logit / c); 0: as they are
};

/// Returns the sum over rows m of -log softmax(h_m W^T)[target_m], nats.
///
/// The rows go through in chunks; each chunk's logits are made, turned into softmax minus one-hot in place, multiplied
/// back (dh = (p - onehot) W, dW += (p - onehot)^T h) and forgotten. So the gradients are ready when forward returns,
/// the memory is chunk_rows * V, and dW is computed only when W asks for it. Select the rows that count before calling.
///
/// @param hidden   [M, D] float32 or bfloat16
/// @param weight   [V, D] float32, or already in `compute` when it is frozen (saves the conversion)
/// @param targets  [M] int64, in [0, V)
/// @return  scalar float64, differentiable in hidden and weight. 0 when M is 0.
/// @throws ShapeError for shapes that do not fit and targets outside the vocabulary.
torch::Tensor linear_cross_entropy(const torch::Tensor& hidden, const torch::Tensor& weight,
                                   const torch::Tensor& targets, const CrossEntropyOptions& options = {});

/// Plain version in double with its gradients: test oracle.
struct CrossEntropyGradients {
  double loss;
  torch::Tensor hidden, weight;
};  ///< float64
CrossEntropyGradients linear_cross_entropy_plain(const torch::Tensor& hidden, const torch::Tensor& weight,
                                                 const torch::Tensor& targets);

}  // namespace limpid
