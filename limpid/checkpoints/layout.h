#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/kernels/dtype.h"

/// Sizes of stored tensors, computed without trusting the file that states them.
namespace limpid {

/// Number of elements of `shape`; nothing when a size is negative or the product of the non-zero sizes leaves int64.
/// (Sizes of zero do not excuse the others: TensorView::elements() multiplies in any order.)
std::optional<uint64_t> checked_elements(const std::vector<int64_t>& shape);

/// Bytes of `elements` elements; nothing when they are no whole number of blocks or the size leaves int64.
std::optional<uint64_t> checked_bytes(DType type, uint64_t elements);

std::string shape_text(const std::vector<int64_t>& shape);  ///< "[2, 3]"

/// Two byte ranges of one file that share bytes, if there are any. Empty ranges share nothing.
struct Extent {
  uint64_t begin, end;
  size_t tensor;
};
std::optional<std::pair<size_t, size_t>> find_overlap(std::vector<Extent> extents);

}  // namespace limpid
