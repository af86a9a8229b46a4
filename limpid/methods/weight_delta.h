#pragma once

#include <torch/types.h>

#include <vector>

#include "limpid/decoding/session.h"

/// Changes of weights that stay beside the weights: low-rank, with a strength for each row of a batch. Strength 0 is
/// the plain model to the bit, nothing has to be dequantised, and blocks keep their rounding.
namespace limpid {

using torch::Tensor;

/// What a change reads. With W [out, in] the weight and b the bias of the layer,
enum class DeltaInput {
  Input,    ///< the layer's input x: y += s up^T (down x), that is dW = up^T down
  Product,  ///< what W made of it, W x = y - b: y += s up^T (down (y - b)), that is dW = up^T down W, W as it is stored
};

/// The change of one layer, of rank r. Undefined tensors: the layer stays as it is.
struct WeightDelta {
  Tensor down;                ///< [r, in], or [r, out] where the product is read
  Tensor up;                  ///< [r, out], or [r, rows] where only some output rows change
  std::vector<int64_t> rows;  ///< the output rows that the columns of `up` stand for; empty: all
  bool empty() const { return !up.defined(); }
};

/// One change for each layer of a model, of one kind of its linear layers.
struct WeightDeltas {
  Projection projection = Projection::MlpDown;
  DeltaInput reads = DeltaInput::Input;
  std::vector<WeightDelta> layers;  ///< [L]
};

/// Changes of a model's layers, for tokens of a strength each. Each token is computed by itself, in float32 with sums
/// in double, so that its numbers depend on nothing beside it.
class WeightChange {
 public:
  /// @param deltas  one for each kind of layer that changes
  /// @throws ShapeError when the changes do not fit the model's layers; ConfigError for a kind that it does not have.
  WeightChange(const Model& model, std::vector<WeightDeltas> deltas);

  bool listens(Projection projection, int64_t layer) const;
  /// Changes the outputs y [N, out] of a layer for its inputs x [N, in]. @param strengths  [N]; 0 leaves a token alone
  void add(Projection projection, int64_t layer, std::span<const float> strengths, const Tensor& x, Tensor& y) const;

 private:
  struct Kind {
    WeightDeltas deltas;
    std::vector<Tensor> biases;  // [L] of the model's layers; undefined where they have none
  };
  const Kind* find(Projection projection) const;
  std::vector<Kind> kinds_;
};

/// Every position of a row is computed with the changed weights, the prompt's too, as if they were in the model.
class WeightDeltaSession final : public Session {
 public:
  /// @throws as WeightChange.
  WeightDeltaSession(const Model& target, std::vector<WeightDeltas> deltas) : change_(target, std::move(deltas)) {}
  WeightDeltaSession(const Model& target, WeightDeltas deltas)
      : WeightDeltaSession(target, std::vector{std::move(deltas)}) {}

  bool listens(Projection projection, int64_t layer) const override { return change_.listens(projection, layer); }
  void projected(Projection projection, int64_t layer, const Step& step, const Tensor& x, Tensor& y) override;

 private:
  WeightChange change_;
};

/// The model with the changes at one strength, for all that is read with this hook: a second reading of the same
/// weights.
class WeightDeltaHook final : public ActivationHook {
 public:
  /// @throws as WeightChange.
  WeightDeltaHook(const Model& target, std::vector<WeightDeltas> deltas, float strength)
      : change_(target, std::move(deltas)),
        strength_(strength) {}

  bool listens(Site, int64_t) const override { return false; }
  void activations(Site, int64_t, const nn::Pass&, Tensor&) override {}
  bool listens(Projection projection, int64_t layer) const override { return change_.listens(projection, layer); }
  void projected(Projection projection, int64_t layer, const nn::Pass& pass, const Tensor& x, Tensor& y) override {
    change_.add(projection, layer, std::vector<float>(size_t(pass.size()), strength_), x, y);
  }

 private:
  WeightChange change_;
  float strength_;
};

/// Width of a layer's input.
int64_t inputs_of(const nn::Linear& layer);

/// W + s dW [out, in] float32, computed in double: what a checkpoint with the change holds.
Tensor changed_weight(const Tensor& weight, const WeightDelta& delta, DeltaInput reads, double strength);

}  // namespace limpid
