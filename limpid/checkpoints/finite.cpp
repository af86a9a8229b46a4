#include "limpid/checkpoints/finite.h"

#include "limpid/checkpoints/layout.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"
#include "limpid/kernels/finite.h"

namespace limpid {
namespace {

/// Returns the coordinates of an element of a tensor of this shape.
std::vector<int64_t> coordinates(size_t index, const std::vector<int64_t>& shape) {
  std::vector<int64_t> place(shape.size());
  for (size_t d = shape.size(); d-- > 0; index /= size_t(shape[d])) place[d] = int64_t(index % size_t(shape[d]));
  return place;
}

}  // namespace

void check_finite(const TensorView& tensor, const std::string& place) {
  const auto found = kernels::first_not_finite(tensor.dtype, tensor.data.data(), size_t(tensor.elements()));
  if (!found) return;
  const char* what = is_quantised(tensor.dtype) ? "the scale of the block at " : "";
  throw FormatError(concat(place, ": tensor ", quote(tensor.name), ": ", what,
                           shape_text(coordinates(found->index, tensor.shape)), " is ", found->value,
                           ", expected a finite number; damaged, or from a training that diverged?"));
}

}  // namespace limpid
