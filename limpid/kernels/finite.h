#pragma once

#include <cstddef>
#include <optional>

#include "limpid/kernels/dtype.h"

/// Looking for what is no number in the tensors of files.
namespace limpid::kernels {

/// An element that is NaN, infinite or, of float64, beyond float32.
struct NotFinite {
  size_t index;  ///< of the element; of a block whose scale or minimum it is, the block's first
  double value;
};

/// Returns the first such element; none in integers. Of blocks the scales and minima are looked at, which is all of
/// them that can fail to be a finite number. Runs on the pool, at the speed of memory.
/// @param data  any address: files promise no alignment
std::optional<NotFinite> first_not_finite(DType type, const std::byte* data, size_t elements);

}  // namespace limpid::kernels
