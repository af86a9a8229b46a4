#include "limpid/methods/fusion/readout.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "limpid/core/error.h"
#include "limpid/decoding/logits.h"
#include "limpid/methods/fusion/method.h"

namespace limpid::fusion {
namespace {

constexpr const char* kStrengthMeanings[] = {
    // in the order of Readout
    "a in 0..1: share of the calibrator's direction in the final state, whose length is kept",
    "a in 0..1: h' = a LayerNorm(cA) + (1-a) h, as published",
    "a in 0..1: h' = a c' + (1-a) h, c' = cA with the rms of h",
    "a in 0..1: h' = a cA + (1-a) h",
    "g: h' = h + g (c_safe - c_other)",
    "a in 0..1: log p' = a log p_calibrator + (1-a) log p_target",
    "a in 0..1: z' = (1-a) z, the control without a calibrator",
};

double sum_of_squares(std::span<const float> x) {
  double sum = 0.0;
  for (float value : x) sum += double(value) * value;
  return sum;
}

void scale_by(std::span<float> x, double factor) {
  for (float& value : x) value = float(value * factor);
}

/// Normalises in place, without parameters; the variance is that of the population, as in torch.
void layer_norm(std::span<float> x) {
  double mean = 0.0, variance = 0.0;
  for (float value : x) mean += value;
  mean /= double(x.size());
  for (float value : x) variance += (value - mean) * (value - mean);
  const double factor = 1.0 / std::sqrt(variance / double(x.size()) + kLayerNormEpsilon);
  for (float& value : x) value = float((value - mean) * factor);
}

}  // namespace

std::string strength_meaning(Readout readout) { return kStrengthMeanings[size_t(readout)]; }

Range strength_range(Readout readout) {
  return readout == Readout::Contrast ? Range() : Range{.least = 0.0, .most = 1.0};
}

float default_strength(Readout readout, bool aligned) {
  switch (readout) {
    case Readout::Norm: return aligned ? 0.3f : 0.5f;
    case Readout::Contrast: return 1.0f;
    case Readout::Probability: return 0.3f;
    default: return 0.1f;
  }
}

void mix_state(Readout readout, bool aligned, float strength, std::span<float> h, std::span<float> c) {
  LIMPID_CHECK(h.size() == c.size(), ShapeError, "[fusion] target state has ", h.size(), " numbers, calibrator state ",
               c.size());
  const double a = strength, squares_h = sum_of_squares(h);
  if (readout == Readout::LayerNorm && aligned) layer_norm(c);
  if (readout == Readout::Scale || readout == Readout::Norm) {
    const double squares_c = sum_of_squares(c);
    if (squares_c == 0.0 && readout == Readout::Norm) return;
    scale_by(c, squares_c > 0.0 ? std::sqrt(squares_h / squares_c) : 0.0);
  }
  for (size_t i = 0; i < h.size(); ++i) h[i] = float(a * c[i] + (1.0 - a) * h[i]);
  if (readout == Readout::Norm)
    if (const double squares = sum_of_squares(h); squares > 0.0) scale_by(h, std::sqrt(squares_h / squares));
}

void add_scaled(float strength, std::span<float> h, std::span<const float> difference) {
  LIMPID_CHECK(h.size() == difference.size(), ShapeError, "[fusion] target state has ", h.size(),
               " numbers, the difference ", difference.size());
  for (size_t i = 0; i < h.size(); ++i) h[i] = float(h[i] + double(strength) * difference[i]);
}

bool mix_log_probabilities(float strength, std::span<float> z, std::span<const float> z_calibrator) {
  const double a = strength;
  // At the ends one factor is 0, and 0 times infinity is not a number.
  const auto excluded = [&](size_t i) {
    return (a < 1.0 && z[i] == kRemoved) || (a > 0.0 && z_calibrator[i] == kRemoved);
  };
  size_t left = 0;
  for (size_t i = 0; i < z.size(); ++i) left += !excluded(i);
  if (left == 0) return false;
  const double log_sum = a < 1.0 ? log_sum_exp_in_double(z) : 0.0,
               log_sum_calibrator = a > 0.0 ? log_sum_exp_in_double(z_calibrator) : 0.0;
  for (size_t i = 0; i < z.size(); ++i) {
    const double target = a < 1.0 ? (1.0 - a) * (z[i] - log_sum) : 0.0;
    const double calibrator = a > 0.0 ? a * (z_calibrator[i] - log_sum_calibrator) : 0.0;
    z[i] = excluded(i) ? kRemoved : float(target + calibrator);
  }
  const double log_total = log_sum_exp_in_double(z);
  for (float& value : z) value = float(value - log_total);
  return true;
}

void scale_logits(float strength, std::span<float> z) {
  const float factor = 1.0f - strength;
  for (float& value : z)
    if (factor > 0.0f || std::isfinite(value)) value *= factor;  // 0 times infinity is not a number
}

StateMap::StateMap(const Tensor& map) {
  LIMPID_CHECK(map.dim() == 2 && map.numel() > 0, ShapeError, "[fusion] the map has shape ", map.sizes(),
               ", expected a matrix [D1, D2]");
  map_ = map.detach().to(torch::kFloat32).contiguous();
  LIMPID_CHECK(map_.isfinite().all().item<bool>(), ShapeError, "[fusion] the map holds numbers that are not finite");
  const Tensor transposed = map_.t().contiguous();
  packed_ = kernels::PackedMatrix::pack(transposed.const_data_ptr<float>(), size_t(columns()), size_t(rows()));
}

namespace {

Tensor product(const kernels::PackedMatrix& matrix, const Tensor& x) {
  Tensor y = torch::empty({x.size(0), int64_t(matrix.out())}, torch::kFloat32);
  kernels::linear(matrix, x.const_data_ptr<float>(), size_t(x.size(0)), size_t(x.stride(0)), nullptr,
                  y.mutable_data_ptr<float>(), matrix.out(), kernels::Precision::Exact);
  return y;
}

std::span<float> row(Tensor& x, int64_t r) { return {x.mutable_data_ptr<float>() + r * x.size(1), size_t(x.size(1))}; }

}  // namespace

Tensor StateMap::forward(const Tensor& c) const {
  if (!defined()) return c;
  LIMPID_CHECK(c.dim() == 2 && c.size(1) == rows(), ShapeError, "[fusion] calibrator states have shape ", c.sizes(),
               ", the map [", rows(), ", ", columns(), "]");
  return product(*packed_, c.contiguous());
}

FoldedReadout::FoldedReadout(Readout readout, const Tensor& W, const StateMap& map) : readout_(readout), map_(map) {
  LIMPID_CHECK(readout == Readout::Convex || readout == Readout::LayerNorm || readout == Readout::Scale ||
                   readout == Readout::Contrast,
               ConfigError, "[fusion] read-out ", name(readout), " has no folded form",
               readout == Readout::Norm ? ": keeping the length of the target's state needs that state" : "");
  Tensor output = W.to(torch::kFloat64);
  if (readout == Readout::LayerNorm && map.defined()) output = output - output.mean(1, /*keepdim=*/true);
  if (map.defined()) output = output.matmul(map.tensor().t().to(torch::kFloat64));
  M_ = output.to(torch::kFloat32).contiguous();
  packed_ = kernels::PackedMatrix::pack(M_.const_data_ptr<float>(), size_t(M_.size(0)), size_t(M_.size(1)));
}

void FoldedReadout::apply(Tensor& z, const Tensor& c, std::span<const float> strengths,
                          std::span<const float> target_rms) const {
  const int64_t R = z.size(0);
  LIMPID_CHECK(c.size(0) == R && strengths.size() == size_t(R) && z.size(1) == M_.size(0) && z.is_contiguous(),
               ShapeError, "[fusion] folded read-out of ", z.sizes(), " logits, ", c.sizes(), " states and ",
               strengths.size(), " strengths");
  LIMPID_CHECK(readout_ != Readout::Scale || target_rms.size() == size_t(R), ConfigError,
               "[fusion] folding the scale-matched form needs the rms of each target state");
  Tensor folded = product(*packed_, c.contiguous());
  Tensor mapped = map_.forward(c).clone();
  for (int64_t r = 0; r < R; ++r) {
    const std::span<float> state = row(mapped, r), from = row(folded, r), to = row(z, r);
    const double D = double(state.size()), a = strengths[size_t(r)];
    double scale = 1.0;
    if (readout_ == Readout::LayerNorm && map_.defined()) {
      double mean = 0.0, variance = 0.0;
      for (float value : state) mean += value / D;
      for (float value : state) variance += (value - mean) * (value - mean) / D;
      scale = 1.0 / std::sqrt(variance + kLayerNormEpsilon);
    }
    if (readout_ == Readout::Scale) {
      const double rms = std::sqrt(sum_of_squares(state) / D);
      scale = rms > 0.0 ? target_rms[size_t(r)] / rms : 0.0;
    }
    const double keep = readout_ == Readout::Contrast ? 1.0 : 1.0 - a;
    for (size_t v = 0; v < to.size(); ++v) to[v] = float(keep * to[v] + a * scale * from[v]);
  }
}

}  // namespace limpid::fusion
