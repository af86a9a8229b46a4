#include "limpid/checkpoints/finite.h"

#include "limpid/checkpoints/checkpoint.h"
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

/// Says which number of a tensor is not finite; empty when all are.
std::string fault_in(const TensorView& tensor) {
  require_bytes(tensor);
  const auto found = kernels::first_not_finite(tensor.dtype, tensor.data.data(), size_t(tensor.elements()));
  if (!found) return "";
  return concat("tensor ", quote(tensor.name), ": ", is_quantised(tensor.dtype) ? "the scale of the block at " : "",
                shape_text(coordinates(found->index, tensor.shape)), " is ", found->value,
                ", expected a finite number; ");
}

}  // namespace

void check_finite(const TensorView& tensor, const std::string& source) {
  const std::string fault = fault_in(tensor);
  LIMPID_CHECK(fault.empty(), FormatError, source, ": ", fault,
               "the file is damaged or its training diverged: get or make it again");
}

void check_finite_to_write(const std::vector<TensorView>& tensors, const std::string& target) {
  for (const TensorView& tensor : tensors) {
    const std::string fault = fault_in(tensor);
    LIMPID_CHECK(fault.empty(), FormatError, target, ": ", fault,
                 "nothing is written; is a strength or a learning rate too large?");
  }
}

}  // namespace limpid
