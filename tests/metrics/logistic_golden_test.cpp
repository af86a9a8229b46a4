#include <gtest/gtest.h>

#include "limpid/metrics/logistic.h"
#include "tests/support/fixture.h"

namespace limpid {
namespace {

using testing_support::Fixture;
using testing_support::for_each_fixture;

/// Activations of one layer and head: toxic and non-toxic rows of the same N pairs.
struct HeadPairs {
  size_t pairs, width;
  std::vector<float> toxic, nontoxic;  // [N, K]

  /// The rows of the chosen pairs, both of each pair, toxic ones labelled 1.
  template <class Chosen>
  std::pair<std::vector<float>, std::vector<int>> rows(Chosen chosen) const {
    std::pair<std::vector<float>, std::vector<int>> out;
    for (const auto* side : {&toxic, &nontoxic})
      for (size_t i = 0; i < pairs; ++i) {
        if (!chosen(i)) continue;
        out.first.insert(out.first.end(), side->begin() + long(i * width), side->begin() + long((i + 1) * width));
        out.second.push_back(side == &toxic);
      }
    return out;
  }
};

size_t count_right(const LogisticModel& model, const std::pair<std::vector<float>, std::vector<int>>& data) {
  size_t right = 0;
  const size_t width = model.weights.size();
  for (size_t i = 0; i < data.second.size(); ++i)
    right += (model.margin(std::span(data.first).subspan(i * width, width)) > 0) == (data.second[i] == 1);
  return right;
}

TEST(LogisticGolden, EveryProbeAgrees) {
  for_each_fixture("destein_probes", [](const Fixture& fixture) {
    const auto shape = fixture.shape("in.toxic");  // [L, N, D]
    const size_t layers = size_t(shape[0]), pairs = size_t(shape[1]), width = size_t(shape[2]);
    const size_t heads = fixture.in()["heads"].get<size_t>(), folds = fixture.in()["folds"].get<size_t>();
    const size_t train_pairs = fixture.in()["train_pairs"].get<size_t>(), k = width / heads;
    const auto toxic = fixture.floats("in.toxic"), nontoxic = fixture.floats("in.nontoxic");
    LogisticOptions options;
    options.C = fixture.in()["C"].get<double>();

    std::map<std::string, std::vector<double>> found;
    for (size_t layer = 0; layer < layers; ++layer)
      for (size_t head = 0; head < heads; ++head) {
        HeadPairs data{pairs, k, {}, {}};
        for (size_t i = 0; i < pairs; ++i)
          for (size_t j = 0; j < k; ++j) {
            const size_t at = (layer * pairs + i) * width + head * k + j;
            data.toxic.push_back(float(toxic[at]));
            data.nontoxic.push_back(float(nontoxic[at]));
          }
        const auto train = data.rows([&](size_t i) { return i < train_pairs; });
        const auto model = fit_logistic(train.first, k, train.second, options);
        EXPECT_TRUE(model.converged);
        for (double weight : model.weights) found["out.released_weights"].push_back(weight);
        found["out.released_intercepts"].push_back(model.intercept);
        const auto held_out = data.rows([&](size_t i) { return i >= train_pairs; });
        found["out.released_accuracy"].push_back(double(count_right(model, held_out)) / double(held_out.second.size()));

        size_t right = 0;
        for (size_t fold = 0; fold < folds; ++fold) {
          const auto others = data.rows([&](size_t i) { return i % folds != fold; });
          const auto probe = fit_logistic(others.first, k, others.second, options);
          right += count_right(probe, data.rows([&](size_t i) { return i % folds == fold; }));
        }
        const double accuracy = double(right) / double(2 * pairs);
        found["out.accuracy"].push_back(accuracy);
        found["out.head_weights"].push_back(std::clamp((accuracy - 0.5) / 0.5, 0.0, 1.0));
      }
    fixture.compare_tensors(found);
    fixture.compare("out", Json::object(), fixture.out());
  });
}

}  // namespace
}  // namespace limpid
