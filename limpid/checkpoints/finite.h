#pragma once

#include <string>
#include <vector>

#include "limpid/kernels/dtype.h"

/// Numbers in files are finite: NaN, infinite ones, and those beyond float32 are neither read nor written. Whole
/// tensors are looked at, at the speed of memory; of blocks their scales. Integers pass.
namespace limpid {

/// Refuses a tensor from a file. @param source  what the message begins with
/// @throws FormatError naming the tensor, the place in it, and the number.
void check_finite(const TensorView& tensor, const std::string& source);

/// Refuses tensors on their way into a file, before anything is written. @throws FormatError as above.
void check_finite_to_write(const std::vector<TensorView>& tensors, const std::string& target);

}  // namespace limpid
