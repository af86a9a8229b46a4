#include "limpid/kernels/quantize_k.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "limpid/core/half.h"

namespace limpid::kernels {
namespace {

constexpr int kSuperBlock = 256;

/// x is about scale * q + low, q in [0, most].
struct AffineFit {
  float scale = 0, low = 0;
};

/// Errors of large weights count more, as in ggml: |x| + the root of the mean square.
void weigh(const float* x, int n, float* weight) {
  float squares = 0;
  for (int i = 0; i < n; ++i) squares += x[i] * x[i];
  const float usual = std::sqrt(squares / float(n));
  for (int i = 0; i < n; ++i) weight[i] = usual + std::fabs(x[i]);
}

/// Returns the line through the weighted points (q[i], x[i]) of least squared error whose intercept is not positive.
AffineFit fit_line(const float* x, const float* weight, const int* q, int n) {
  double w = 0, wq = 0, wx = 0, wqq = 0, wqx = 0;
  for (int i = 0; i < n; ++i) {
    w += weight[i], wq += double(weight[i]) * q[i], wx += double(weight[i]) * x[i];
    wqq += double(weight[i]) * q[i] * q[i], wqx += double(weight[i]) * q[i] * x[i];
  }
  const double determinant = w * wqq - wq * wq;
  if (!(determinant > 0)) return {0, float(std::min(w > 0 ? wx / w : 0.0, 0.0))};
  const double low = (wqq * wx - wq * wqx) / determinant;
  if (low > 0) return {float(wqq > 0 ? wqx / wqq : 0), 0};
  return {float((w * wqx - wq * wx) / determinant), float(low)};
}

AffineFit fit_affine(const float* x, int n, int most) {
  float weight[32], least = std::min(*std::min_element(x, x + n), 0.0f);
  const float range = *std::max_element(x, x + n) - least;
  weigh(x, n, weight);
  AffineFit best{0, least};
  double best_error = INFINITY;
  for (int step = -10; step <= 10 && range > 0; ++step) {  // so many steps of the range, a little fewer or more
    const float inverse = (float(most) + 0.1f * float(step)) / range;
    int q[32];
    for (int i = 0; i < n; ++i) q[i] = nearest((x[i] - least) * inverse, 0, most);
    const AffineFit fit = fit_line(x, weight, q, n);
    double error = 0;
    for (int i = 0; i < n; ++i) {
      const double off = double(fit.scale) * q[i] + fit.low - x[i];
      error += weight[i] * off * off;
    }
    if (error < best_error && fit.scale >= 0) best = fit, best_error = error;
  }
  return best;
}

/// Returns the scale of least squared error for x = scale * q, q in [-32, 31].
float fit_scale(const float* x, int n) {
  float weight[16], largest = 0;
  for (int i = 0; i < n; ++i)
    if (std::fabs(x[i]) > std::fabs(largest)) largest = x[i];
  weigh(x, n, weight);
  float best = 0;
  double best_gain = 0;
  for (int step = -9; step <= 9 && largest != 0; ++step) {
    const float inverse = -(32.0f + 0.1f * float(step)) / largest;
    double products = 0, squares = 0;
    for (int i = 0; i < n; ++i) {
      const int q = nearest(x[i] * inverse, -32, 31);
      products += double(weight[i]) * x[i] * q;
      squares += double(weight[i]) * q * q;
    }
    const double gain = squares > 0 ? products * products / squares : 0;  // of the error over that of zeros
    if (gain > best_gain) best = float(products / squares), best_gain = gain;
  }
  return best;
}

uint16_t put_half(float value, std::byte* at) {
  const uint16_t bits = float_to_f16(value);
  std::memcpy(at, &bits, sizeof bits);
  return bits;
}

/// Writes pair j of eight pairs of 6-bit numbers in 12 bytes.
void put_scale_and_min(int j, int scale, int min, uint8_t* packed) {
  if (j < 4) {
    packed[j] |= uint8_t(scale);
    packed[j + 4] |= uint8_t(min);
  } else {
    packed[j + 4] = uint8_t((scale & 15) | (min & 15) << 4);
    packed[j - 4] |= uint8_t(scale >> 4 << 6);
    packed[j] |= uint8_t(min >> 4 << 6);
  }
}

}  // namespace

int nearest(float value, int low, int high) {
  if (value >= float(high)) return high;
  return value > float(low) ? int(std::nearbyint(value)) : low;
}

void quantize_q45_k(bool five_bits, const float* values, std::byte* block) {
  AffineFit fits[8];
  float largest_scale = 0, largest_min = 0;
  const int most = five_bits ? 31 : 15;
  for (int group = 0; group < 8; ++group) {
    fits[group] = fit_affine(values + group * 32, 32, most);
    largest_scale = std::max(largest_scale, fits[group].scale);
    largest_min = std::max(largest_min, -fits[group].low);
  }
  const float d = f16_to_float(put_half(largest_scale / 63, block)),
              dmin = f16_to_float(put_half(largest_min / 63, block + 2));
  auto* packed = reinterpret_cast<uint8_t*>(block + 4);
  auto *high = packed + 12, *nibbles = packed + (five_bits ? 44 : 12);
  std::fill(packed, nibbles + 128, uint8_t(0));
  for (int group = 0; group < 8; ++group) {
    const int scale = d > 0 ? nearest(fits[group].scale / d, 0, 63) : 0;
    const int min = dmin > 0 ? nearest(-fits[group].low / dmin, 0, 63) : 0;
    put_scale_and_min(group, scale, min, packed);
    const float step = d * float(scale), low = dmin * float(min);
    for (int i = 0; i < 32; ++i) {
      const int q = step > 0 ? nearest((values[group * 32 + i] + low) / step, 0, most) : 0;
      nibbles[group / 2 * 32 + i] |= uint8_t((q & 15) << (group % 2 * 4));
      if (five_bits) high[i] |= uint8_t(q >> 4 << group);
    }
  }
}

void quantize_q6_k(const float* values, std::byte* block) {
  float scales[16], largest = 0;
  for (int group = 0; group < 16; ++group) {
    scales[group] = fit_scale(values + group * 16, 16);
    if (std::fabs(scales[group]) > std::fabs(largest)) largest = scales[group];
  }
  auto* low = reinterpret_cast<uint8_t*>(block);
  uint8_t *high = low + 128, *stored = low + 192;
  std::fill(low, low + 208, uint8_t(0));
  const float d = f16_to_float(put_half(-largest / 128, block + 208));
  for (int i = 0, scale = 0; i < kSuperBlock; ++i) {
    if (i % 16 == 0) {
      scale = d != 0 ? nearest(scales[i / 16] / d, -128, 127) : 0;
      stored[i / 16] = uint8_t(int8_t(scale));
    }
    const float step = d * float(scale);
    const int q = (step != 0 ? nearest(values[i] / step, -32, 31) : 0) + 32;
    const int part = i / 128, quarter = i % 128 / 32;
    low[part * 64 + quarter % 2 * 32 + i % 32] |= uint8_t((q & 15) << (quarter / 2 * 4));
    high[part * 32 + i % 32] |= uint8_t(q >> 4 << (quarter * 2));
  }
}

}  // namespace limpid::kernels
