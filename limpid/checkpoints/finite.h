#pragma once

#include <string>

#include "limpid/kernels/dtype.h"

namespace limpid {

/// Refuses a tensor that holds NaN, an infinite number, or one beyond float32; of blocks, their scales. Integers pass.
/// Reads the whole tensor, at the speed of memory.
/// @param place  what the message begins with: file, and whether it is read or written
/// @throws FormatError naming the tensor, the place in it, and the number.
void check_finite(const TensorView& tensor, const std::string& place);

}  // namespace limpid
