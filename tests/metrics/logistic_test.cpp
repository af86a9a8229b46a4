#include "limpid/metrics/logistic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "limpid/core/error.h"
#include "limpid/core/random.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid {
namespace {

/// Rows of normal numbers around `centre`, labelled by a noisy hidden direction.
struct Data {
  std::vector<float> rows;
  std::vector<int> labels;
};

Data noisy_data(size_t count, size_t dim, double scale, double centre, double noise) {
  RandomStream random(3);
  std::vector<double> hidden(dim);
  for (double& value : hidden) value = random.next_normal();
  Data data;
  for (size_t i = 0; i < count; ++i) {
    double margin = noise * random.next_normal() * std::sqrt(double(dim));
    for (size_t j = 0; j < dim; ++j) {
      const double value = random.next_normal();
      margin += hidden[j] * value;
      data.rows.push_back(float(scale * value + centre));
    }
    data.labels.push_back(margin > 0);
  }
  return data;
}

TEST(Logistic, BalancesLossAndPenaltyOfASingleWeight) {
  // One feature, x = +-1: 0.5 w^2 + 2 log(1 + e^-w) is least where w = 2 / (1 + e^w), at w = 0.674832.
  const std::vector<float> rows = {1, -1};
  const auto model = fit_logistic(rows, 1, std::vector<int>{1, 0});
  const double w = model.weights[0];
  EXPECT_NEAR(w, 2 / (1 + std::exp(w)), 1e-6);
  EXPECT_NEAR(w, 0.6748, 1e-4);
  EXPECT_NEAR(model.intercept, 0.0, 1e-7);
  EXPECT_TRUE(model.converged);
  EXPECT_NEAR(model.objective, 0.5 * w * w + 2 * std::log1p(std::exp(-w)), 1e-12);
}

TEST(Logistic, PutsTheShareOfPositivesIntoTheIntercept) {
  const std::vector<float> rows = {0, 0, 0, 0};  // nothing to learn but that 3 of 4 are positive
  const auto model = fit_logistic(rows, 1, std::vector<int>{1, 1, 1, 0});
  EXPECT_NEAR(model.intercept, std::log(3.0), 1e-6);
  EXPECT_NEAR(model.probability(std::vector<float>{7}), 0.75, 1e-6);
  EXPECT_NEAR(model.weights[0], 0.0, 1e-9);
}

TEST(Logistic, WithoutInterceptPassesThroughZero) {
  const std::vector<float> rows = {1, 1, 1, 1};
  LogisticOptions options;
  options.intercept = false;
  const auto model = fit_logistic(rows, 1, std::vector<int>{1, 1, 1, 0}, options);
  EXPECT_EQ(model.intercept, 0.0);
  const double w = model.weights[0];  // w + 4 sigmoid(w) - 3 = 0
  EXPECT_NEAR(w + 4 / (1 + std::exp(-w)) - 3, 0.0, 1e-6);
}

TEST(Logistic, TakesASampleWeightForThatManyCopies) {
  const std::vector<float> once = {1, 2, -1, 0.5f}, copies = {1, 2, -1, 0.5f, -1, 0.5f, -1, 0.5f};
  const std::vector<double> weights = {1, 3};
  const auto weighted = fit_logistic(once, 2, std::vector<int>{1, 0}, {}, weights);
  const auto copied = fit_logistic(copies, 2, std::vector<int>{1, 0, 0, 0});
  EXPECT_NEAR(weighted.weights[0], copied.weights[0], 1e-6);
  EXPECT_NEAR(weighted.weights[1], copied.weights[1], 1e-6);
  EXPECT_NEAR(weighted.intercept, copied.intercept, 1e-6);
  // Weight 0 is as good as absent: what remains is one class.
  EXPECT_THROW(fit_logistic(once, 2, std::vector<int>{1, 0}, {}, std::vector<double>{1, 0}), ConfigError);
}

TEST(Logistic, EndsWhereTheGradientVanishes) {
  // Far from centred, badly scaled and nearly separable: the gradient is taken anew, by the formula, from the result
  // alone.
  const Data data = noisy_data(600, 5, 30, 50, 0.1);
  LogisticOptions options;
  options.C = 100;
  const auto model = fit_logistic(data.rows, 5, data.labels, options);
  std::vector<double> gradient(6, 0.0);
  for (size_t i = 0; i < data.labels.size(); ++i) {
    const auto row = std::span(data.rows).subspan(i * 5, 5);
    const double residual = options.C * (model.probability(row) - data.labels[i]);
    for (size_t j = 0; j < 5; ++j) gradient[j] += residual * row[j];
    gradient[5] += residual;
  }
  for (size_t j = 0; j < 5; ++j) gradient[j] += model.weights[j];
  double norm = 0;
  for (double value : gradient) norm += value * value;
  EXPECT_LE(std::sqrt(norm), 1e-5);  // 1e-6 and the rounding of 3,000 sums of size 1e4
  EXPECT_TRUE(model.converged);
}

TEST(Logistic, GivesTheSameBitsWithAnyNumberOfThreads) {
  const Data data = noisy_data(3000, 16, 1, 0, 1);
  const size_t before = kernels::num_threads();
  kernels::set_num_threads(1);
  const auto alone = fit_logistic(data.rows, 16, data.labels);
  kernels::set_num_threads(3);
  const auto together = fit_logistic(data.rows, 16, data.labels);
  kernels::set_num_threads(before);
  EXPECT_EQ(alone.weights, together.weights);
  EXPECT_EQ(alone.intercept, together.intercept);
}

TEST(Logistic, SaysWhenItRanOutOfIterations) {
  const Data data = noisy_data(300, 8, 1, 0, 1);
  LogisticOptions options;
  options.max_iterations = 1;
  const auto model = fit_logistic(data.rows, 8, data.labels, options);
  EXPECT_FALSE(model.converged);
  EXPECT_EQ(model.iterations, 1u);
  EXPECT_GT(model.gradient_norm, options.tolerance);
}

TEST(Logistic, RefusesWhatCannotBeFitted) {
  const std::vector<float> rows = {1, 2, 3, 4};
  const std::vector<int> labels = {1, 0};
  EXPECT_THROW(fit_logistic(rows, 3, labels), ShapeError);
  EXPECT_THROW(fit_logistic(rows, 0, labels), ShapeError);
  EXPECT_THROW(fit_logistic(rows, 2, std::vector<int>{1, 0, 1}), ShapeError);
  EXPECT_THROW(fit_logistic(rows, 2, labels, {}, std::vector<double>{1}), ShapeError);
  EXPECT_THROW(fit_logistic(rows, 2, labels, {}, std::vector<double>{1, -1}), ConfigError);
  EXPECT_THROW(fit_logistic(rows, 2, std::vector<int>{1, 1}), ConfigError);
  EXPECT_THROW(fit_logistic(rows, 2, std::vector<int>{1, 2}), ConfigError);
  EXPECT_THROW(fit_logistic({}, 2, {}), ConfigError);
  LogisticOptions options;
  options.C = 0;
  EXPECT_THROW(fit_logistic(rows, 2, labels, options), ConfigError);
  const std::vector<float> odd = {1, std::numeric_limits<float>::quiet_NaN(), 3, 4};
  EXPECT_THROW(fit_logistic(odd, 2, labels), ConfigError);
  EXPECT_THROW(fit_logistic(rows, 2, labels).margin(std::vector<float>{1}), ShapeError);
}

}  // namespace
}  // namespace limpid
