#pragma once

#include <vector>

#include "limpid/kernels/dtype.h"

/// Tensors in another order than they are stored in. What is made lies in `storage`; what is read may lie there, too.
namespace limpid {

/// The transpose of a stored [in, out] matrix. Blocks run along the stored rows, which become columns: dequantised.
TensorView transposed(TensorView view, std::vector<std::byte>& storage);

/// The given rows of a matrix, or elements of a vector. Works on blocks, which never cross a row.
TensorView gathered(TensorView view, const std::vector<int64_t>& rows, std::vector<std::byte>& storage);

}  // namespace limpid
