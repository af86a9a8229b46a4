#include "limpid/checkpoints/quantised/quantised_weight.h"

#include <algorithm>

#include "limpid/checkpoints/layout.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"

namespace limpid::quantised {

TensorView StoredForm::part(const std::string& name, std::initializer_list<DType> types,
                            std::vector<int64_t> shape) const {
  const TensorView& tensor = checkpoint.at(name);
  std::string expected;
  for (DType type : types) expected += (expected.empty() ? "" : " or ") + std::string(info(type).name);
  LIMPID_CHECK(std::find(types.begin(), types.end(), tensor.dtype) != types.end(), FormatError, "[quantised] ",
               checkpoint.source(), ": tensor ", quote(name), " is ", info(tensor.dtype).name, ", expected ", expected);
  bool fits = tensor.shape.size() == shape.size();
  for (size_t i = 0; fits && i < shape.size(); ++i) {
    if (shape[i] < 0) shape[i] = tensor.shape[i];
    fits = shape[i] == tensor.shape[i];
  }
  LIMPID_CHECK(fits, FormatError, "[quantised] ", checkpoint.source(), ": tensor ", quote(name), " has shape ",
               shape_text(tensor.shape), ", expected ", shape_text(shape), " (-1: any)");
  LIMPID_CHECK(tensor.elements() > 0, FormatError, "[quantised] ", checkpoint.source(), ": tensor ", quote(name),
               " has shape ", shape_text(tensor.shape), " and so no elements");
  return tensor;
}

void put_floats(const std::vector<float>& values, std::vector<std::byte>& bytes) {
  const auto source = std::as_bytes(std::span(values));
  bytes.assign(source.begin(), source.end());
}

std::vector<std::string> modules_with(const Checkpoint& checkpoint, std::string_view ending) {
  std::vector<std::string> modules;
  for (const TensorView& tensor : checkpoint.tensors())
    if (tensor.name.ends_with(ending)) modules.push_back(tensor.name.substr(0, tensor.name.size() - ending.size()));
  return modules;
}

}  // namespace limpid::quantised
