#pragma once

#include <torch/types.h>

#include <vector>

#include "limpid/decoding/session.h"

/// Changes of weights that stay beside the weights: low-rank, with a strength for each row of a batch. Strength 0 is the plain model to
/// the bit, nothing has to be dequantised, and blocks keep their rounding.
namespace limpid {

using torch::Tensor;

/// What a change reads. With W [out, in] the weight and b the bias of the layer,
enum class DeltaInput {
  Input,     ///< the layer's input x:           y += s up^T (down x),         that is dW = up^T down
  Product,   ///< what W made of it, W x = y - b: y += s up^T (down (y - b)),  that is dW = up^T down W, for W as it is stored
};

/// The change of one layer, of rank r. Undefined tensors: the layer stays as it is.
struct WeightDelta {
  Tensor down;                       ///< [r, in], or [r, out] where the product is read
  Tensor up;                         ///< [r, out], or [r, rows] where only some output rows change
  std::vector<int64_t> rows;         ///< the output rows that the columns of `up` stand for; empty: all
  bool empty() const { return !up.defined(); }
};

/// One change for each layer of a model.
struct WeightDeltas {
  Projection projection = Projection::MlpDown;
  DeltaInput reads = DeltaInput::Input;
  std::vector<WeightDelta> layers;   ///< [L]
};

/// Every position of a row is computed with the changed weights, the prompt's too, as if they were in the model. Each token is computed
/// by itself, in float32 with sums in double, so that a row's numbers depend on nothing beside it.
class WeightDeltaSession final : public Session {
 public:
  /// @throws ShapeError when the changes do not fit the target's layers.
  WeightDeltaSession(const Model& target, WeightDeltas deltas);

  bool listens(Projection projection, int64_t layer) const override;
  void projected(Projection projection, int64_t layer, const Step& step, const Tensor& x, Tensor& y) override;

 private:
  WeightDeltas deltas_;
  std::vector<Tensor> biases_;       // [L] of the target's layers; undefined where they have none
};

/// W + s dW [out, in] float32, computed in double: what a checkpoint with the change holds.
Tensor changed_weight(const Tensor& weight, const WeightDelta& delta, DeltaInput reads, double strength);

}  // namespace limpid
