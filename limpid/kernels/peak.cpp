#include "limpid/kernels/peak.h"

#include <limits>

#include "limpid/kernels/ops_kernels.h"

namespace limpid::kernels {

RowPeak row_peak(const float* z, size_t n) { return ops_of(active_isa()).row_peak(z, n); }

RowPeak row_peak_plain(const float* z, size_t n) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  RowPeak peak{-kInfinity, true};
  for (size_t i = 0; i < n; ++i) {
    if (z[i] > peak.highest) peak.highest = z[i];
    if (!(z[i] < kInfinity)) peak.is_sound = false;  // NaN is not below anything
  }
  return peak;
}

}  // namespace limpid::kernels
