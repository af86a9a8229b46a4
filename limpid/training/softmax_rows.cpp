#include "limpid/training/softmax_rows.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "limpid/core/half.h"

// One loop for every instruction set: the compiler makes a version for each feature level (not for each processor: a
// clone named "haswell" is not taken on another maker's), and the loader picks. Built with -fno-trapping-math
// (CMakeLists.txt), without which comparisons stay scalar; it changes no bit. Loops are written over kLanes independent
// sums so that they vectorise without leave to reorder additions: the same bits on every run.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define LIMPID_CLONES __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define LIMPID_CLONES
#endif
#define LIMPID_INLINE inline __attribute__((always_inline))

namespace limpid {
namespace {

constexpr int64_t kLanes = 16;

LIMPID_INLINE float widen(float x) { return x; }
LIMPID_INLINE float widen(uint16_t x) { return bf16_to_float(x); }
LIMPID_INLINE void narrow(float x, float& out) { out = x; }
LIMPID_INLINE void narrow(float x, uint16_t& out) {  // probabilities: finite, so no care for NaN
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  out = uint16_t((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

/// Returns e^x for x <= 0 as 2^n 2^r, |r| <= 1/2; 2^r by Cephes' polynomial of degree 6. Below -80: that of -80, near
/// 1e-35.
LIMPID_INLINE float exp_nonpositive(float x) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  const float t = std::max(x, -80.0f) * 1.44269504088896341f;
  const float shifted = t + kRound;
  const float r = t - (shifted - kRound);
  float y = 1.535336188319500e-4f;
  y = y * r + 1.339887440266574e-3f;
  y = y * r + 9.618437357674640e-3f;
  y = y * r + 5.550332471162809e-2f;
  y = y * r + 2.402264791363012e-1f;
  y = y * r + 6.931472028550421e-1f;
  y = y * r + 1.0f;
  const uint32_t exponent = (std::bit_cast<uint32_t>(shifted) - 0x4b400000u + 127u) << 23;
  return y * std::bit_cast<float>(exponent);
}

template <class T>
LIMPID_INLINE float largest(const T* x, int64_t n) {
  float lane[kLanes];
  for (float& value : lane) value = -INFINITY;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int64_t l = 0; l < kLanes; ++l) lane[l] = std::max(lane[l], widen(x[i + l]));
  for (; i < n; ++i) lane[0] = std::max(lane[0], widen(x[i]));
  return *std::max_element(lane, lane + kLanes);
}

/// Returns the sum of e^(x - top), and writes the terms into `terms` where kKeep.
template <bool kKeep, class T>
LIMPID_INLINE double sum_exp(const T* x, int64_t n, float top, float* terms) {
  float lane[kLanes] = {};
  double total = 0.0;
  int64_t i = 0;
  while (i + kLanes <= n) {  // blocks, so that float sums stay short
    const int64_t end = std::min(n - n % kLanes, i + 64 * kLanes);
    for (; i < end; i += kLanes)
      for (int64_t l = 0; l < kLanes; ++l) {
        const float term = exp_nonpositive(widen(x[i + l]) - top);
        if (kKeep) terms[i + l] = term;
        lane[l] += term;
      }
    for (float& value : lane) total += value, value = 0.0f;
  }
  for (; i < n; ++i) {
    const float term = exp_nonpositive(widen(x[i]) - top);
    if (kKeep) terms[i] = term;
    total += term;
  }
  return total;
}

template <class T>
LIMPID_INLINE double gradient_row(T* logits, int64_t n, int64_t target, float* scratch) {
  const float top = largest(logits, n), at_target = widen(logits[target]);
  const double sum = sum_exp<true>(logits, n, top, scratch);
  const float scale = float(1.0 / sum);
  for (int64_t i = 0; i < n; ++i) narrow(scratch[i] * scale, logits[i]);
  narrow(scratch[target] * scale - 1.0f, logits[target]);
  return std::log(sum) + double(top) - double(at_target);
}

template <class T>
LIMPID_INLINE double loss_row(const T* logits, int64_t n, int64_t target) {
  const float top = largest(logits, n);
  return std::log(sum_exp<false>(logits, n, top, nullptr)) + double(top) - double(widen(logits[target]));
}

}  // namespace

LIMPID_CLONES double softmax_minus_one_hot(float* logits, int64_t n, int64_t target, float* scratch) {
  return gradient_row(logits, n, target, scratch);
}
LIMPID_CLONES double softmax_minus_one_hot(uint16_t* logits, int64_t n, int64_t target, float* scratch) {
  return gradient_row(logits, n, target, scratch);
}
LIMPID_CLONES double negative_log_softmax(const float* logits, int64_t n, int64_t target) {
  return loss_row(logits, n, target);
}
LIMPID_CLONES double negative_log_softmax(const uint16_t* logits, int64_t n, int64_t target) {
  return loss_row(logits, n, target);
}

double softmax_minus_one_hot_plain(double* logits, int64_t n, int64_t target) {
  const double top = *std::max_element(logits, logits + n), at_target = logits[target];
  double sum = 0.0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(logits[i] - top);
  for (int64_t i = 0; i < n; ++i) logits[i] = std::exp(logits[i] - top) / sum - (i == target ? 1.0 : 0.0);
  return std::log(sum) + top - at_target;
}

}  // namespace limpid
