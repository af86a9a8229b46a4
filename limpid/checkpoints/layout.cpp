#include "limpid/checkpoints/layout.h"

#include <algorithm>

#include "limpid/core/error.h"

namespace limpid {

std::optional<uint64_t> checked_elements(const std::vector<int64_t>& shape) {
  int64_t product = 1;
  bool empty = false;
  for (int64_t size : shape) {
    if (size < 0) return std::nullopt;
    if (size == 0)
      empty = true;
    else if (__builtin_mul_overflow(product, size, &product))
      return std::nullopt;
  }
  return empty ? 0 : uint64_t(product);
}

std::optional<uint64_t> checked_bytes(DType type, uint64_t elements) {
  const DTypeInfo& block = info(type);
  if (elements % block.block_elements != 0) return std::nullopt;
  int64_t bytes = 0;
  if (__builtin_mul_overflow(elements / block.block_elements, block.block_bytes, &bytes)) return std::nullopt;
  return uint64_t(bytes);
}

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text += "]";
}

std::optional<std::pair<size_t, size_t>> find_overlap(std::vector<Extent> extents) {
  std::erase_if(extents, [](const Extent& extent) { return extent.begin == extent.end; });
  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
  for (size_t i = 1; i < extents.size(); ++i)
    if (extents[i].begin < extents[i - 1].end) return std::pair(extents[i - 1].tensor, extents[i].tensor);
  return std::nullopt;
}

}  // namespace limpid
