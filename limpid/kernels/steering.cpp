#include "limpid/kernels/steering.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "limpid/kernels/ops_kernels.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::kernels {
namespace {

constexpr size_t kWorthSharing = 32'768;  // numbers; fewer are done sooner than another thread wakes up

/// x' = a x + b z: what every rule comes to once the lengths are known.
struct Combination {
  double a = 1.0, b = 0.0;
};

/// @param square, dot, unit  |x|^2, x z and |z|^2 of one head. Since |z| is 1 or 0,
///        |u - c z|^2 = 1 - 2 c cos + c^2 needs no second pass.
Combination combine(SteeringRule rule, double square, double dot, bool zero, double weight, double length,
                    double strength) {
  const double norm = std::sqrt(square);
  if (rule == SteeringRule::Linear) return {1.0, -strength * weight * norm};
  if (rule == SteeringRule::Constant) return {1.0, -strength * weight * length};
  const double cosine = norm > 0.0 && !zero ? dot / norm : 0.0;
  const double share = rule == SteeringRule::Preserve ? weight : 1.0;
  const double push = zero ? 0.0 : strength * share * (1.0 + std::max(0.0, cosine));
  const double left = (norm > 0.0 ? 1.0 : 0.0) - 2.0 * push * cosine + push * push;  // |u - push z|^2
  const double scale = left > 1e-14 ? 1.0 / std::sqrt(left) : 0.0;
  if (rule == SteeringRule::Preserve) return {scale, -scale * push * norm};
  return {norm > 0.0 ? scale / norm : 0.0, -scale * push};  // unit length; the caller restores the whole
}

void steer_row(const OpsKernels& kernels, SteeringRule rule, const SteeringHeads& h, float* x, double strength) {
  float square[kMostSteeredHeads], dot[kMostSteeredHeads], a[kMostSteeredHeads], b[kMostSteeredHeads];
  kernels.head_moments(x, h.direction, h.heads, h.width, square, dot);
  double total = 0.0, units = 0.0;
  for (size_t k = 0; k < h.heads; ++k) {
    const bool released = rule == SteeringRule::AsReleased;
    if (!released && (h.weight[k] == 0.0f || (h.threshold && dot[k] <= h.threshold[k]))) {
      a[k] = 1.0f;
      b[k] = 0.0f;
      continue;
    }
    const float* z = h.direction + k * h.width;
    const bool zero = dot[k] == 0.0f && std::all_of(z, z + h.width, [](float v) { return v == 0.0f; });
    const Combination c = combine(rule, square[k], dot[k], zero, h.weight[k], h.length ? h.length[k] : 0.0, strength);
    a[k] = float(c.a);
    b[k] = float(c.b);
    total += square[k];
    units += c.a != 0.0 || c.b != 0.0 ? 1.0 : 0.0;
  }
  if (rule == SteeringRule::AsReleased) {
    const float whole = units > 0.0 ? float(std::sqrt(total / units)) : 0.0f;
    for (size_t k = 0; k < h.heads; ++k) {
      a[k] *= whole;
      b[k] *= whole;
    }
  }
  kernels.head_combine(x, h.direction, a, b, h.heads, h.width);
}

double norm_of(const std::vector<double>& v) {
  double sum = 0.0;
  for (double one : v) sum += one * one;
  return std::sqrt(sum);
}

std::vector<double> normalised(std::vector<double> v) {
  const double norm = norm_of(v);
  if (norm > 0.0)
    for (double& one : v) one /= norm;
  return v;
}

}  // namespace

void steer(SteeringRule rule, const SteeringHeads& heads, std::span<float* const> rows,
           std::span<const float> strengths) {
  const OpsKernels& kernels = ops_of(active_isa());
  const auto one = [&](size_t r) { steer_row(kernels, rule, heads, rows[r], strengths[r]); };
  if (rows.size() * heads.heads * heads.width < kWorthSharing || num_threads() == 1) {
    for (size_t r = 0; r < rows.size(); ++r) one(r);
    return;
  }
  const size_t pieces = std::min(rows.size(), num_threads() * 2), size = (rows.size() + pieces - 1) / pieces;
  parallel_for(pieces, [&](size_t piece) {
    for (size_t r = piece * size; r < std::min(rows.size(), (piece + 1) * size); ++r) one(r);
  });
}

void steer_plain(SteeringRule rule, const SteeringHeads& h, float* row, float strength) {
  const double alpha = strength;
  double before = 0.0, after = 0.0;
  std::vector<double> result(row, row + h.heads * h.width);
  for (size_t k = 0; k < h.heads; ++k) {
    const std::vector<double> x(row + k * h.width, row + (k + 1) * h.width),
        z(h.direction + k * h.width, h.direction + (k + 1) * h.width);
    const double norm = norm_of(x), w = h.weight[k];
    double dot = 0.0;
    for (size_t i = 0; i < h.width; ++i) dot += x[i] * z[i];
    const double lambda = 1.0 + std::max(0.0, norm > 0.0 && norm_of(z) > 0.0 ? dot / (norm * norm_of(z)) : 0.0);
    const bool alone = rule != SteeringRule::AsReleased && (w == 0.0 || (h.threshold && dot <= h.threshold[k]));
    std::vector<double> y = normalised(x);
    for (size_t i = 0; i < h.width && !alone; ++i) {
      if (rule == SteeringRule::Preserve) y[i] -= alpha * w * lambda * z[i];
      if (rule == SteeringRule::AsReleased) y[i] -= alpha * lambda * z[i];
      if (rule == SteeringRule::Linear) result[k * h.width + i] -= alpha * w * norm * z[i];
      if (rule == SteeringRule::Constant) result[k * h.width + i] -= alpha * w * double(h.length[k]) * z[i];
    }
    before += norm * norm;
    if (alone || rule == SteeringRule::Linear || rule == SteeringRule::Constant) continue;
    y = normalised(y);
    after += norm_of(y) * norm_of(y);
    for (size_t i = 0; i < h.width; ++i) result[k * h.width + i] = (rule == SteeringRule::Preserve ? norm : 1.0) * y[i];
  }
  if (rule == SteeringRule::AsReleased && after > 0.0)
    for (double& one : result) one *= std::sqrt(before / after);
  std::copy(result.begin(), result.end(), row);
}

}  // namespace limpid::kernels
