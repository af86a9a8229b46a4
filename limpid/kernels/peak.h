#pragma once

#include <cstddef>

namespace limpid::kernels {

/// What one pass over a row of logits tells.
struct RowPeak {
  float highest;  ///< of those that are numbers; minus infinity when there is none
  bool is_sound;  ///< none is NaN or plus infinity
};

/// Returns the peak of a row of n numbers, on the calling thread. The same on every instruction set, but for the sign
/// of a zero.
RowPeak row_peak(const float* z, size_t n);
RowPeak row_peak_plain(const float* z, size_t n);

}  // namespace limpid::kernels
