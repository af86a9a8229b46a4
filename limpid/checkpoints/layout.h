#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/kernels/dtype.h"

/// Sizes of stored tensors, computed without trusting the file that states them.
namespace limpid {

/// Returns the number of elements of `shape`; nothing when a size is negative or the product of the non-zero sizes
/// leaves int64. (Sizes of zero do not excuse the others: TensorView::elements() multiplies in any order.)
std::optional<uint64_t> checked_elements(const std::vector<int64_t>& shape);

/// Returns the bytes of `elements` elements; nothing when they are no whole number of blocks or the size leaves int64.
std::optional<uint64_t> checked_bytes(DType type, uint64_t elements);

std::string shape_text(const std::vector<int64_t>& shape);  ///< "[2, 3]"

/// Byte range of a tensor in a file.
struct Extent {
  uint64_t begin, end;
  size_t tensor;
};
/// Returns two tensors whose ranges share bytes, if there are any. Empty ranges share nothing.
std::optional<std::pair<size_t, size_t>> find_overlap(std::vector<Extent> extents);

}  // namespace limpid
