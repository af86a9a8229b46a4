#include "limpid/methods/file_tensors.h"

#include <algorithm>
#include <cstring>

#include "limpid/core/half.h"
#include "limpid/kernels/quantize.h"

namespace limpid {
namespace {

size_t element_bytes(DType type) {
  if (type == DType::I64) return 8;
  return type == DType::F32 ? 4 : 2;
}

}  // namespace

void OutgoingTensors::add(const std::string& name, const Tensor& values, DType type) {
  const Tensor floats = values.to(torch::kFloat32).contiguous();
  const float* from = floats.const_data_ptr<float>();
  const size_t count = size_t(floats.numel());
  std::vector<std::byte> bytes(byte_size(type, count));
  if (type == DType::F32) std::memcpy(bytes.data(), from, bytes.size());
  if (type == DType::F16) {
    std::vector<uint16_t> half(count);
    std::transform(from, from + count, half.begin(), float_to_f16);
    std::memcpy(bytes.data(), half.data(), bytes.size());
  }
  if (type == DType::Q8_0) kernels::quantize_q8_0(from, count, bytes.data());
  storage_.push_back(std::move(bytes));
  views_.push_back({name, type, floats.sizes().vec(), storage_.back()});
}

void OutgoingTensors::add_integers(const std::string& name, const Tensor& values) {
  const Tensor integers = values.to(torch::kInt64).contiguous();
  std::vector<std::byte> bytes(integers.nbytes());
  std::memcpy(bytes.data(), integers.const_data_ptr<int64_t>(), bytes.size());
  storage_.push_back(std::move(bytes));
  views_.push_back({name, DType::I64, integers.sizes().vec(), storage_.back()});
}

std::vector<TensorView> OutgoingTensors::views() const {
  std::vector<TensorView> sorted = views_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const TensorView& a, const TensorView& b) {
    return element_bytes(a.dtype) > element_bytes(b.dtype);
  });
  return sorted;
}

Tensor float_tensor(const TensorView& view) {
  const std::vector<float> values = to_floats(view);
  Tensor tensor = torch::empty(view.shape, torch::kFloat32);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<float>());
  return tensor;
}

namespace {

/// Returns the tensor of this name. @throws FormatError when it is missing or has other sizes.
const TensorView& view_of_shape(const DetoxifierFile& file, const std::string& name,
                                const std::vector<int64_t>& shape) {
  const TensorView& view = file.tensors()->at(name);
  bool fits = view.shape.size() == shape.size();
  for (size_t i = 0; fits && i < shape.size(); ++i) fits = shape[i] < 0 || shape[i] == view.shape[i];
  const auto text = [](const std::vector<int64_t>& sizes) {
    std::string list;
    for (int64_t size : sizes)
      list += concat(list.empty() ? "" : ", ", size < 0 ? std::string("any") : std::to_string(size));
    return "[" + list + "]";
  };
  LIMPID_CHECK(fits, FormatError, "[detoxifier] ", file.path().string(), ": tensor \"", name, "\" is ",
               text(view.shape), ", expected ", text(shape));
  return view;
}

}  // namespace

Tensor float_tensor(const DetoxifierFile& file, const std::string& name, std::vector<int64_t> shape) {
  return float_tensor(view_of_shape(file, name, shape));
}

Tensor integer_tensor(const DetoxifierFile& file, const std::string& name, std::vector<int64_t> shape) {
  const TensorView& view = view_of_shape(file, name, shape);
  const std::vector<int64_t> values = to_integers(view);
  return torch::tensor(values, torch::kInt64).view(view.shape);
}

}  // namespace limpid
