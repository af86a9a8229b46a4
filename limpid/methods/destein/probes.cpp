#include "limpid/methods/destein/probes.h"

#include <functional>
#include <vector>

#include "limpid/core/error.h"
#include "limpid/kernels/thread_pool.h"
#include "limpid/metrics/logistic.h"

namespace limpid::destein {
namespace {

/// The activations of one head: all toxic texts, then all neutral ones, [2 N, K].
struct Head {
  std::vector<float> rows;
  size_t pairs, width;

  Head(const Tensor& toxic, const Tensor& neutral, int64_t layer, int64_t head, int64_t heads) {
    width = size_t(toxic.size(2) / heads);
    pairs = size_t(toxic.size(1));
    for (const Tensor& texts : {toxic, neutral}) {
      const float* values =
          texts.const_data_ptr<float>() + layer * texts.size(1) * texts.size(2) + head * int64_t(width);
      for (size_t n = 0; n < pairs; ++n, values += texts.size(2)) rows.insert(rows.end(), values, values + width);
    }
  }
  std::span<const float> row(size_t text) const { return std::span(rows).subspan(text * width, width); }

  LogisticModel fit(double C, const std::function<bool(size_t pair)>& used) const {
    std::vector<float> chosen;
    std::vector<int> labels;
    for (size_t text = 0; text < 2 * pairs; ++text) {
      if (!used(text % pairs)) continue;
      chosen.insert(chosen.end(), row(text).begin(), row(text).end());
      labels.push_back(text < pairs ? 1 : 0);
    }
    return fit_logistic(chosen, width, labels, {.C = C});
  }
  /// Counts the texts, of the pairs that were not used, that come out right.
  size_t correct(const LogisticModel& model, const std::function<bool(size_t pair)>& used) const {
    size_t count = 0;
    for (size_t text = 0; text < 2 * pairs; ++text)
      if (!used(text % pairs)) count += (model.margin(row(text)) > 0.0) == (text < pairs);
    return count;
  }
};

/// Runs work(layer, head) for every head on the pool; what one of them throws is thrown when all are done.
void each_head(int64_t layers, int64_t heads, const std::function<void(int64_t layer, int64_t head)>& work) {
  std::vector<std::exception_ptr> failed(size_t(layers * heads));
  kernels::parallel_for(failed.size(), [&](size_t i) {
    try {
      work(int64_t(i) / heads, int64_t(i) % heads);
    } catch (...) {
      failed[i] = std::current_exception();
    }
  });
  for (const auto& error : failed)
    if (error) std::rethrow_exception(error);
}

struct Shape {
  Tensor toxic, neutral;
  int64_t layers, pairs, heads, width;

  Shape(const Tensor& toxic_in, const Tensor& neutral_in, int64_t heads_in) : heads(heads_in) {
    LIMPID_CHECK(
        toxic_in.dim() == 3 && toxic_in.sizes() == neutral_in.sizes() && heads > 0 && toxic_in.size(2) % heads == 0,
        ShapeError, "[destein] activations are not both [layers, pairs, heads * width] for ", heads, " heads");
    toxic = toxic_in.to(torch::kFloat32).contiguous();
    neutral = neutral_in.to(torch::kFloat32).contiguous();
    layers = toxic.size(0);
    pairs = toxic.size(1);
    width = toxic.size(2) / heads;
  }
  Probes empty() const {
    return {torch::zeros({layers, heads, width}), torch::zeros({layers, heads}), torch::zeros({layers, heads})};
  }
};

void store(const LogisticModel& model, int64_t layer, int64_t head, Probes& probes) {
  float* weights = probes.weights[layer][head].mutable_data_ptr<float>();
  for (size_t i = 0; i < model.weights.size(); ++i) weights[i] = float(model.weights[i]);
  probes.intercepts[layer][head].mutable_data_ptr<float>()[0] = float(model.intercept);
}

}  // namespace

Probes cross_validated_probes(const Tensor& toxic, const Tensor& neutral, const ProbeOptions& options) {
  const Shape shape(toxic, neutral, options.heads);
  LIMPID_CHECK(options.folds >= 2 && shape.pairs >= options.folds, ConfigError, "[destein] ", shape.pairs,
               " pairs cannot be split into ", options.folds, " folds; give more pairs, or at least two folds");
  Probes probes = shape.empty();
  each_head(shape.layers, shape.heads, [&](int64_t layer, int64_t head) {
    torch::NoGradGuard no_grad;
    const Head data(shape.toxic, shape.neutral, layer, head, shape.heads);
    size_t correct = 0;
    for (size_t fold = 0; fold < size_t(options.folds); ++fold) {
      const auto used = [&](size_t pair) { return pair % size_t(options.folds) != fold; };
      correct += data.correct(data.fit(options.C, used), used);
    }
    store(data.fit(options.C, [](size_t) { return true; }), layer, head, probes);
    probes.accuracy[layer][head].mutable_data_ptr<float>()[0] = float(double(correct) / double(2 * shape.pairs));
  });
  return probes;
}

Probes released_probes(const Tensor& toxic, const Tensor& neutral, int64_t train_pairs, const ProbeOptions& options) {
  const Shape shape(toxic, neutral, options.heads);
  LIMPID_CHECK(train_pairs > 0 && train_pairs < shape.pairs, ConfigError, "[destein] ", train_pairs, " of ",
               shape.pairs, " pairs for training leave none to test or to train on");
  Probes probes = shape.empty();
  each_head(shape.layers, shape.heads, [&](int64_t layer, int64_t head) {
    torch::NoGradGuard no_grad;
    const Head data(shape.toxic, shape.neutral, layer, head, shape.heads);
    const auto used = [&](size_t pair) { return int64_t(pair) < train_pairs; };
    const LogisticModel model = data.fit(options.C, used);
    store(model, layer, head, probes);
    probes.accuracy[layer][head].mutable_data_ptr<float>()[0] =
        float(double(data.correct(model, used)) / double(2 * (shape.pairs - train_pairs)));
  });
  return probes;
}

Tensor head_weights(const Tensor& accuracy) { return ((accuracy - 0.5) / 0.5).clamp(0.0, 1.0).to(torch::kFloat32); }

}  // namespace limpid::destein
