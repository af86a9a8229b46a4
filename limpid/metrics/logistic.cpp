#include "limpid/metrics/logistic.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "limpid/core/error.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid {
namespace {

using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// Eight running sums: the compiler may not reorder one sum of doubles, and one chain of additions is slow.
double dot(const float* row, const double* weights, size_t dim) {
  double sums[8] = {};
  size_t j = 0;
  for (; j + 8 <= dim; j += 8)
    for (size_t k = 0; k < 8; ++k) sums[k] += double(row[j + k]) * weights[j + k];
  double sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
  for (; j < dim; ++j) sum += double(row[j]) * weights[j];
  return sum;
}

double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }

/// Returns log(1 + exp(-x)) without overflow.
double softplus_of_minus(double x) { return x > 0 ? std::log1p(std::exp(-x)) : std::log1p(std::exp(x)) - x; }

/// The objective as a function of (w, b'), where b' = b + w · centre: features as seen from their mean, so that the
/// intercept does not pull on every weight. One pass over the rows gives value and gradient.
class Objective {
 public:
  Objective(std::span<const float> rows, size_t dim, std::span<const int> labels, std::span<const double> weights,
            const LogisticOptions& options)
      : rows_(rows),
        dim_(dim),
        labels_(labels),
        weights_(weights),
        options_(options),
        centre_(dim, 0.0) {
    // The split depends on the number of rows alone: sums come out the same with any number of threads.
    chunk_rows_ = std::max<size_t>(256, (labels.size() + 31) / 32);
    chunks_.resize((labels.size() + chunk_rows_ - 1) / chunk_rows_);
    measure_features();
  }

  size_t size() const { return dim_ + 1; }  // the last place is the intercept's; unused without one

  /// Returns the inverse of an upper bound of the Hessian's diagonal: p (1 - p) <= 1/4.
  const Vector& inverse_diagonal() const { return inverse_diagonal_; }

  double evaluate(const Vector& point, Vector& gradient) {
    const double shift = intercept(point);
    for_each_chunk([&](Chunk& chunk, size_t first, size_t last) {
      for (size_t i = first; i < last; ++i) {
        const float* row = rows_.data() + i * dim_;
        const double sign = labels_[i] == 1 ? 1 : -1, margin = sign * (dot(row, point.data(), dim_) + shift);
        chunk.loss += weight(i) * softplus_of_minus(margin);
        const double slope = -weight(i) * sign * sigmoid(-margin);
        chunk.sums[dim_] += slope;
        for (size_t j = 0; j < dim_; ++j) chunk.sums[j] += slope * double(row[j]);
      }
    });
    const Chunk& total = add_chunks();
    double penalty = 0;
    for (size_t j = 0; j < dim_; ++j) {
      penalty += point[j] * point[j];
      gradient[j] = point[j] + options_.C * (total.sums[j] - centre_[j] * total.sums[dim_]);
    }
    gradient[dim_] = options_.intercept ? options_.C * total.sums[dim_] : 0;
    return 0.5 * penalty + options_.C * total.loss;
  }

  /// Returns b for the features as given.
  double intercept(const Vector& point) const {
    double shift = point[dim_];
    for (size_t j = 0; j < dim_; ++j) shift -= centre_[j] * point[j];
    return shift;
  }

  /// Returns the norm of the gradient with respect to (w, b) of the features as given.
  double gradient_norm(const Vector& gradient) const {
    double squares = gradient[dim_] * gradient[dim_];
    for (size_t j = 0; j < dim_; ++j) squares += std::pow(gradient[j] + centre_[j] * gradient[dim_], 2);
    return std::sqrt(squares);
  }

 private:
  struct Chunk {
    double loss = 0;
    Vector sums;  // [dim + 1]
  };

  double weight(size_t i) const { return weights_.empty() ? 1 : weights_[i]; }

  template <class Work>
  void for_each_chunk(Work work) {
    kernels::parallel_for(chunks_.size(), [&](size_t c) {
      chunks_[c].loss = 0;
      chunks_[c].sums.assign(dim_ + 1, 0.0);
      work(chunks_[c], c * chunk_rows_, std::min(labels_.size(), (c + 1) * chunk_rows_));
    });
  }

  const Chunk& add_chunks() {
    for (size_t c = 1; c < chunks_.size(); ++c) {
      chunks_[0].loss += chunks_[c].loss;
      for (size_t j = 0; j <= dim_; ++j) chunks_[0].sums[j] += chunks_[c].sums[j];
    }
    return chunks_[0];
  }

  /// Measures the weighted mean and spread of each feature.
  void measure_features() {
    double total_weight = 0;
    for (size_t i = 0; i < labels_.size(); ++i) total_weight += weight(i);
    if (options_.intercept) {  // without one, moving the features would change the model
      for_each_chunk([&](Chunk& chunk, size_t first, size_t last) {
        for (size_t i = first; i < last; ++i)
          for (size_t j = 0; j < dim_; ++j) chunk.sums[j] += weight(i) * double(rows_[i * dim_ + j]);
      });
      const Vector sums = add_chunks().sums;
      for (size_t j = 0; j < dim_; ++j) centre_[j] = sums[j] / total_weight;
    }
    for_each_chunk([&](Chunk& chunk, size_t first, size_t last) {
      for (size_t i = first; i < last; ++i)
        for (size_t j = 0; j < dim_; ++j) {
          const double away = double(rows_[i * dim_ + j]) - centre_[j];
          chunk.sums[j] += weight(i) * away * away;
        }
    });
    const Vector squares = add_chunks().sums;
    inverse_diagonal_.resize(dim_ + 1);
    for (size_t j = 0; j < dim_; ++j) inverse_diagonal_[j] = 1 / (1 + 0.25 * options_.C * squares[j]);
    inverse_diagonal_[dim_] = 1 / (0.25 * options_.C * total_weight);
  }

  std::span<const float> rows_;
  size_t dim_, chunk_rows_ = 0;
  std::span<const int> labels_;
  std::span<const double> weights_;
  const LogisticOptions& options_;
  Vector centre_, inverse_diagonal_;
  std::vector<Chunk> chunks_;
};

struct Place {
  Vector point, gradient;
  double value = 0;
};

/// Memory of L-BFGS: steps, changes of the gradient, and 1 / (step · change).
class History {
 public:
  explicit History(size_t length) : length_(length) {}
  void clear() { pairs_.clear(); }
  bool empty() const { return pairs_.empty(); }

  void add(const Place& from, const Place& to) {
    Pair pair{to.point, to.gradient, 0};
    for (size_t j = 0; j < pair.step.size(); ++j) pair.step[j] -= from.point[j], pair.change[j] -= from.gradient[j];
    const double curvature = dot(pair.step, pair.change);
    if (!(curvature > 0)) return;  // rounding at the very end; such a pair would break the direction
    pair.rho = 1 / curvature;
    if (pairs_.size() == length_) pairs_.pop_front();
    pairs_.push_back(std::move(pair));
  }

  /// Returns -H gradient by the two-loop recursion, H starting from `scale` · `inverse_diagonal`.
  Vector direction(const Vector& gradient, const Vector& inverse_diagonal) const {
    Vector q = gradient, alpha(pairs_.size());
    for (size_t i = pairs_.size(); i-- > 0;) {
      alpha[i] = pairs_[i].rho * dot(pairs_[i].step, q);
      for (size_t j = 0; j < q.size(); ++j) q[j] -= alpha[i] * pairs_[i].change[j];
    }
    const double scale = start_scale(inverse_diagonal);
    for (size_t j = 0; j < q.size(); ++j) q[j] *= scale * inverse_diagonal[j];
    for (size_t i = 0; i < pairs_.size(); ++i) {
      const double beta = pairs_[i].rho * dot(pairs_[i].change, q);
      for (size_t j = 0; j < q.size(); ++j) q[j] += (alpha[i] - beta) * pairs_[i].step[j];
    }
    for (double& value : q) value = -value;
    return q;
  }

 private:
  struct Pair {
    Vector step, change;
    double rho;
  };
  /// Returns the usual scaling by the latest pair, in the metric of the diagonal.
  double start_scale(const Vector& inverse_diagonal) const {
    if (pairs_.empty()) return 1;
    double squares = 0;
    for (size_t j = 0; j < inverse_diagonal.size(); ++j)
      squares += std::pow(pairs_.back().change[j], 2) * inverse_diagonal[j];
    return 1 / (pairs_.back().rho * squares);
  }
  size_t length_;
  std::deque<Pair> pairs_;
};

/// Moves along `direction` until the slope has shrunk to 0.9 of what it was and the value has not risen. The objective
/// is convex, so the slope along a line only grows and its zero can be bracketed; unlike a test on values this still
/// works near the minimum, where values differ by less than their rounding.
/// @return whether such a place was found; `next` holds it.
bool line_search(Objective& objective, const Place& start, const Vector& direction, Place& next) {
  constexpr double kSlopeShare = 0.9, kNoise = 1e-13;
  const double first_slope = dot(start.gradient, direction);
  if (!(first_slope < 0)) return false;
  double low = 0, low_slope = first_slope, high = 0, high_slope = 0, step = 1;  // high = 0: none known yet
  for (int trial = 0; trial < 60; ++trial) {
    for (size_t j = 0; j < direction.size(); ++j) next.point[j] = start.point[j] + step * direction[j];
    next.value = objective.evaluate(next.point, next.gradient);
    const double slope = dot(next.gradient, direction);
    const bool risen = !(next.value <= start.value + kNoise * std::abs(start.value));
    if (!risen && std::abs(slope) <= kSlopeShare * -first_slope) return true;
    if (risen || slope > 0)
      high = step, high_slope = slope;
    else
      low = step, low_slope = slope;
    if (high == 0) {
      step *= 4;
      continue;
    }
    const double width = high - low, secant = low - low_slope * width / (high_slope - low_slope);
    const bool usable = std::isfinite(secant) && high_slope > 0;
    step = usable ? std::clamp(secant, low + 0.1 * width, high - 0.1 * width) : low + 0.5 * width;
    if (width <= 1e-16 * high) return false;
  }
  return false;
}

void check(std::span<const float> rows, size_t dim, std::span<const int> labels, const LogisticOptions& options,
           std::span<const double> weights) {
  LIMPID_CHECK(dim > 0 && rows.size() / dim == labels.size() && rows.size() % dim == 0, ShapeError, "[logistic] ",
               rows.size(), " numbers are not ", labels.size(), " rows of ", dim);
  LIMPID_CHECK(weights.empty() || weights.size() == labels.size(), ShapeError, "[logistic] ", weights.size(),
               " sample weights for ", labels.size(), " rows");
  LIMPID_CHECK(options.C > 0 && std::isfinite(options.C), ConfigError, "[logistic] C is ", options.C,
               ", expected a positive number");
  LIMPID_CHECK(options.tolerance > 0 && options.history > 0, ConfigError, "[logistic] tolerance ", options.tolerance,
               " and history ", options.history, ", expected both positive");
  double class_weight[2] = {0, 0};
  for (size_t i = 0; i < labels.size(); ++i) {
    LIMPID_CHECK(labels[i] == 0 || labels[i] == 1, ConfigError, "[logistic] label ", i, " is ", labels[i],
                 ", expected 0 or 1");
    const double weight = weights.empty() ? 1 : weights[i];
    LIMPID_CHECK(weight >= 0 && std::isfinite(weight), ConfigError, "[logistic] sample weight ", i, " is ", weight,
                 ", expected a number from 0");
    class_weight[labels[i]] += weight;
  }
  LIMPID_CHECK(class_weight[0] > 0 && class_weight[1] > 0, ConfigError, "[logistic] all ", labels.size(),
               " rows are of one class, expected both");
  for (size_t i = 0; i < rows.size(); ++i)
    LIMPID_CHECK(std::isfinite(rows[i]), ConfigError, "[logistic] row ", i / dim, ", feature ", i % dim, " is ",
                 rows[i]);
}

}  // namespace

double LogisticModel::margin(std::span<const float> row) const {
  LIMPID_CHECK(row.size() == weights.size(), ShapeError, "[logistic] a row of ", row.size(), " features, expected ",
               weights.size());
  return dot(row.data(), weights.data(), row.size()) + intercept;
}

double LogisticModel::probability(std::span<const float> row) const { return sigmoid(margin(row)); }

LogisticModel fit_logistic(std::span<const float> rows, size_t dim, std::span<const int> labels,
                           const LogisticOptions& options, std::span<const double> weights) {
  check(rows, dim, labels, options, weights);
  Objective objective(rows, dim, labels, weights, options);
  Place current{Vector(objective.size(), 0.0), Vector(objective.size()), 0}, next = current;
  current.value = objective.evaluate(current.point, current.gradient);

  History history(options.history);
  LogisticModel model;
  while (objective.gradient_norm(current.gradient) > options.tolerance && model.iterations < options.max_iterations) {
    const Vector direction = history.direction(current.gradient, objective.inverse_diagonal());
    if (line_search(objective, current, direction, next)) {
      history.add(current, next);
      std::swap(current, next);
      ++model.iterations;
    } else if (!history.empty()) {
      history.clear();  // once more along the scaled gradient
    } else {
      break;  // rounding leaves nothing to gain
    }
  }
  model.weights.assign(current.point.begin(), current.point.end() - 1);
  model.intercept = options.intercept ? objective.intercept(current.point) : 0;
  model.objective = current.value;
  model.gradient_norm = objective.gradient_norm(current.gradient);
  model.converged = model.gradient_norm <= options.tolerance;
  return model;
}

}  // namespace limpid
