#include "limpid/methods/weight_delta.h"

#include <algorithm>

#include "limpid/core/error.h"
#include "limpid/kernels/low_rank.h"

namespace limpid {
namespace {

void check_fits(const WeightDelta& delta, DeltaInput reads, const nn::Linear& linear, size_t layer) {
  const int64_t width = reads == DeltaInput::Input ? inputs_of(linear) : linear.out(),
                changed = delta.rows.empty() ? linear.out() : int64_t(delta.rows.size());
  LIMPID_CHECK(delta.down.dim() == 2 && delta.up.dim() == 2 && delta.down.size(0) == delta.up.size(0) &&
                   delta.down.size(1) == width && delta.up.size(1) == changed,
               ShapeError, "[weight delta] layer ", layer, ": factors ", delta.down.sizes(), " and ", delta.up.sizes(),
               ", expected [rank, ", width, "] and [rank, ", changed, "]; was it made for another model?");
  for (int64_t row : delta.rows)
    LIMPID_CHECK(row >= 0 && row < linear.out(), ShapeError, "[weight delta] layer ", layer, ": row ", row,
                 " of a matrix that has ", linear.out());
}

}  // namespace

int64_t inputs_of(const nn::Linear& layer) {
  return layer.packed() ? int64_t(layer.packed()->in()) : layer.weight().size(1);
}

WeightChange::WeightChange(const Model& model, std::vector<WeightDeltas> changes) {
  for (WeightDeltas& deltas : changes) {
    LIMPID_CHECK(int64_t(deltas.layers.size()) == model.config().num_layers, ShapeError, "[weight delta] changes of ",
                 deltas.layers.size(), " layers, the model has ", model.config().num_layers);
    LIMPID_CHECK(!find(deltas.projection), ConfigError, "[weight delta] two changes of the same kind of layers");
    Kind kind{std::move(deltas), {}};
    for (size_t layer = 0; layer < kind.deltas.layers.size(); ++layer) {
      WeightDelta& delta = kind.deltas.layers[layer];
      kind.biases.emplace_back();
      if (delta.empty()) continue;
      const nn::Linear& linear = model.projection(kind.deltas.projection, int64_t(layer));
      kind.biases.back() = linear.bias();
      check_fits(delta, kind.deltas.reads, linear, layer);
      delta.down = delta.down.to(torch::kFloat32).contiguous();
      delta.up = delta.up.to(torch::kFloat32).contiguous();
    }
    kinds_.push_back(std::move(kind));
  }
}

const WeightChange::Kind* WeightChange::find(Projection projection) const {
  for (const Kind& kind : kinds_)
    if (kind.deltas.projection == projection) return &kind;
  return nullptr;
}

bool WeightChange::listens(Projection projection, int64_t layer) const {
  const Kind* kind = find(projection);
  return kind && !kind->deltas.layers[size_t(layer)].empty();
}

void WeightChange::add(Projection projection, int64_t layer, std::span<const float> strengths, const Tensor& x,
                       Tensor& y) const {
  const Kind& kind = *find(projection);
  const WeightDelta& delta = kind.deltas.layers[size_t(layer)];
  const Tensor inputs = x.contiguous(), &bias = kind.biases[size_t(layer)];
  y = y.contiguous();
  const int64_t in = inputs.size(1), out = y.size(1);
  const kernels::LowRankChange change{
      .rank = size_t(delta.down.size(0)),
      .width = size_t(delta.down.size(1)),
      .changed = size_t(delta.up.size(1)),
      .out = size_t(out),
      .down = delta.down.const_data_ptr<float>(),
      .up = delta.up.const_data_ptr<float>(),
      .rows = delta.rows.empty() ? nullptr : delta.rows.data(),
      .reads_product = kind.deltas.reads == DeltaInput::Product,
      .bias = bias.defined() ? bias.const_data_ptr<float>() : nullptr,
  };
  std::vector<kernels::LowRankToken> tokens;
  for (int64_t t = 0; t < int64_t(strengths.size()); ++t)
    if (const float strength = strengths[size_t(t)]; strength != 0.0f)
      tokens.push_back({inputs.const_data_ptr<float>() + t * in, y.mutable_data_ptr<float>() + t * out, strength});
  kernels::add_low_rank(change, tokens);
}

void WeightDeltaSession::projected(Projection projection, int64_t layer, const Step& step, const Tensor& x, Tensor& y) {
  std::vector<float> strengths(size_t(step.pass->size()), 0.0f);
  for (size_t r = 0; r < step.rows.size(); ++r)
    std::fill(strengths.begin() + step.begin(r), strengths.begin() + step.end(r), step.strengths[r]);
  change_.add(projection, layer, strengths, x, y);
}

Tensor changed_weight(const Tensor& weight, const WeightDelta& delta, DeltaInput reads, double strength) {
  const Tensor W = weight.detach().to(torch::kFloat64);
  if (delta.empty()) return W.to(torch::kFloat32);
  const Tensor down = delta.down.to(torch::kFloat64), up = delta.up.to(torch::kFloat64);
  const Tensor change = strength * up.t().mm(reads == DeltaInput::Input ? down : down.mm(W));
  if (delta.rows.empty()) return (W + change).to(torch::kFloat32);
  return W.index_add(0, torch::tensor(delta.rows, torch::kInt64), change).to(torch::kFloat32);
}

}  // namespace limpid
