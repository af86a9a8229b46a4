#include "limpid/methods/weight_delta.h"

#include <algorithm>

#include "limpid/core/error.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid {
namespace {

constexpr int64_t kWorthSharing = 65'536;  // products; fewer are done sooner than another thread wakes up

/// Eight partial sums, always added in the same order.
double dot(const float* a, const float* b, int64_t count) {
  double sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int64_t lane = 0; lane < 8; ++lane) sums[lane] += double(a[i + lane]) * double(b[i + lane]);
  for (int64_t lane = 0; i < count; ++i, ++lane) sums[lane] += double(a[i]) * double(b[i]);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

/// One token's input and output.
struct Token {
  const float* x;
  float* y;
  float strength;
};

/// y += s up^T (down from), `from` being x or y - b.
void add_delta(const WeightDelta& delta, DeltaInput reads, const float* bias, int64_t out, const Token& token) {
  const int64_t rank = delta.down.size(0), width = delta.down.size(1), changed = delta.up.size(1);
  const float *down = delta.down.const_data_ptr<float>(), *up = delta.up.const_data_ptr<float>(), *from = token.x;
  std::vector<float> product;
  if (reads == DeltaInput::Product) {
    product.assign(token.y, token.y + out);
    for (int64_t i = 0; bias && i < out; ++i) product[size_t(i)] -= bias[i];
    from = product.data();
  }
  for (int64_t j = 0; j < rank; ++j, down += width, up += changed) {
    const float amount = float(double(token.strength) * dot(from, down, width));
    if (delta.rows.empty()) {
      for (int64_t i = 0; i < out; ++i) token.y[i] += amount * up[i];
    } else {
      for (int64_t i = 0; i < changed; ++i) token.y[delta.rows[size_t(i)]] += amount * up[i];
    }
  }
}

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

WeightChange::WeightChange(const Model& model, std::vector<WeightDeltas> all) {
  for (WeightDeltas& deltas : all) {
    LIMPID_CHECK(int64_t(deltas.layers.size()) == model.config().num_layers, ShapeError, "[weight delta] changes of ",
                 deltas.layers.size(), " layers, the model has ", model.config().num_layers);
    LIMPID_CHECK(!find(deltas.projection), ConfigError, "[weight delta] two changes of the same kind of layers");
    Kind kind{std::move(deltas), {}};
    for (size_t layer = 0; layer < kind.deltas.layers.size(); ++layer) {
      WeightDelta& delta = kind.deltas.layers[layer];
      const nn::Linear& linear = model.projection(kind.deltas.projection, int64_t(layer));
      kind.biases.push_back(linear.bias());
      if (delta.empty()) continue;
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
  const Tensor inputs = x.contiguous();
  y = y.contiguous();
  const int64_t in = inputs.size(1), out = y.size(1);
  std::vector<Token> tokens;
  for (int64_t t = 0; t < int64_t(strengths.size()); ++t)
    if (const float strength = strengths[size_t(t)]; strength != 0.0f)
      tokens.push_back({inputs.const_data_ptr<float>() + t * in, y.mutable_data_ptr<float>() + t * out, strength});

  const Tensor& bias = kind.biases[size_t(layer)];
  const float* bias_values = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
  const auto one = [&](size_t t) { add_delta(delta, kind.deltas.reads, bias_values, out, tokens[t]); };
  if (int64_t(tokens.size()) * (delta.down.numel() + delta.up.numel()) < kWorthSharing) {
    for (size_t t = 0; t < tokens.size(); ++t) one(t);
  } else {
    kernels::parallel_for(tokens.size(), one);
  }
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
