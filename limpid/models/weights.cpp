#include "limpid/models/weights.h"

#include <cstring>
#include <sstream>

namespace limpid {
namespace {

std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

/// Row r of the result is row source(r) of the matrix. Works on blocks, which never cross a row.
template <class Source>
void gather_rows(const TensorView& view, std::vector<std::byte>& out, Source source) {
  const size_t rows = size_t(view.shape[0]), row_bytes = view.data.size() / rows;
  out.resize(view.data.size());
  for (size_t r = 0; r < rows; ++r)
    std::memcpy(out.data() + r * row_bytes, view.data.data() + source(r) * row_bytes, row_bytes);
}

}  // namespace

Weights::Weights(std::shared_ptr<const Checkpoint> checkpoint, WeightLayout layout, LoadOptions options)
    : shared_(std::make_shared<Shared>(Shared{std::move(checkpoint), std::move(layout), std::move(options), {}})) {}

Weights Weights::sub(const std::string& name) const {
  Weights scope = *this;
  scope.prefix_ += name + ".";
  return scope;
}

bool Weights::has(const std::string& name) const { return find(prefix_ + name) != nullptr; }

const TensorView* Weights::find(const std::string& full_name) const {
  const WeightLayout& layout = shared_->layout;
  if (layout.rename) return shared_->checkpoint->find(layout.rename(full_name));
  for (const std::string& prefix : layout.prefixes)
    if (const TensorView* view = shared_->checkpoint->find(prefix + full_name)) return view;
  return nullptr;
}

TensorView Weights::matrix(const std::string& full_name, int64_t rows, int64_t columns,
                           std::vector<std::byte>& storage) const {
  const WeightLayout& layout = shared_->layout;
  const TensorView* found = find(full_name);
  LIMPID_CHECK(found, FormatError, shared_->checkpoint->source(), ": tensor \"",
               layout.rename ? layout.rename(full_name) : layout.prefixes[0] + full_name, "\" is missing");
  TensorView view = *found;
  const bool transposed = layout.transposed && layout.transposed(full_name);
  const std::vector<int64_t> expected = transposed ? std::vector{columns, rows} : std::vector{rows, columns};
  LIMPID_CHECK(view.shape == expected, ShapeError, shared_->checkpoint->source(), ": \"", view.name, "\" has shape ",
               shape_text(view.shape), ", the config asks for ", shape_text(expected));
  if (transposed) {
    std::vector<float> plain;  // blocks run along the stored rows, which become columns
    if (is_quantised(view.dtype)) {
      plain = to_floats(view);
      view.dtype = DType::F32;
      view.data = std::as_bytes(std::span(plain));
    }
    const size_t element = info(view.dtype).block_bytes, R = size_t(rows), C = size_t(columns);
    storage.resize(view.data.size());
    for (size_t r = 0; r < R; ++r)
      for (size_t c = 0; c < C; ++c)
        std::memcpy(storage.data() + (r * C + c) * element, view.data.data() + (c * R + r) * element, element);
    view.shape = {rows, columns};
    view.data = storage;
  }
  if (const int64_t heads = layout.interleaved_heads ? layout.interleaved_heads(full_name) : 0; heads > 0) {
    const size_t head_dim = size_t(rows / heads), half = head_dim / 2;
    gather_rows(view, storage, [&](size_t r) { return r / head_dim * head_dim + r % half * 2 + r % head_dim / half; });
    view.data = storage;
  }
  return view;
}

Tensor Weights::parameter(const std::string& full_name, Tensor value) const {
  if (shared_->options.trainable && !shared_->options.frozen) {
    value.set_requires_grad(true);
    shared_->parameters[full_name] = value;
  }
  return value;
}

namespace {

Tensor float_tensor(const TensorView& view) {
  Tensor tensor = torch::empty(view.shape, torch::kFloat32);
  dequantize(view.dtype, view.data.data(), size_t(view.elements()), tensor.mutable_data_ptr<float>());
  return tensor;
}

}  // namespace

std::shared_ptr<const nn::PackedMatrix> Weights::packed(const std::string& full_name, int64_t rows,
                                                        int64_t columns) const {
  std::shared_ptr<const nn::PackedMatrix> result;
  if (const auto given = shared_->options.shared.find(full_name); given != shared_->options.shared.end()) {
    result = given->second;
    LIMPID_CHECK(int64_t(result->out()) == rows && int64_t(result->in()) == columns, ShapeError,
                 shared_->checkpoint->source(), ": \"", full_name, "\" shared by another model has shape [",
                 result->out(), ", ", result->in(), "], the config asks for [", rows, ", ", columns, "]");
  } else {
    std::vector<std::byte> storage;
    const TensorView view = matrix(full_name, rows, columns, storage);
    // Only the layers' matrices: a helper that lies in a detoxifier file reads the target's tables, unrounded, and one
    // that is linked must give the same states.
    const bool is_table = prefix_.empty();
    if (shared_->options.eight_bit && !is_table && !is_quantised(view.dtype) && columns % 32 == 0) {
      const Tensor values = float_tensor(view);
      result = nn::PackedMatrix::pack(values.const_data_ptr<float>(), size_t(rows), size_t(columns), DType::Q8_0);
    } else {
      result = nn::PackedMatrix::pack(view);
    }
  }
  if (prefix_.empty()) shared_->tables[full_name] = result;
  return result;
}

nn::Linear Weights::linear(const std::string& name, int64_t out, int64_t in, bool bias) const {
  const std::string full_name = prefix_ + name + ".weight";
  Tensor bias_vector;
  if (bias) bias_vector = vector(name + ".bias", out);
  if (!shared_->options.trainable)
    return nn::Linear(packed(full_name, out, in), bias_vector, shared_->options.precision);
  const auto adapter = shared_->options.adapter ? shared_->options.adapter(prefix_ + name, out, in) : nullptr;
  return nn::Linear(trainable_matrix(full_name, out, in), bias_vector, shared_->options.compute, adapter);
}

Tensor Weights::trainable_matrix(const std::string& full_name, int64_t rows, int64_t columns) const {
  const LoadOptions& options = shared_->options;
  std::vector<std::byte> storage;
  const Tensor value = options.fresh ? options.fresh(full_name, {rows, columns})
                                     : float_tensor(matrix(full_name, rows, columns, storage));
  return parameter(full_name, options.frozen ? value.to(options.compute) : value);
}

nn::Embedding Weights::embedding(const std::string& name, int64_t rows, int64_t columns) const {
  const std::string full_name = prefix_ + name + ".weight";
  if (!shared_->options.trainable) return nn::Embedding(packed(full_name, rows, columns));
  return nn::Embedding(trainable_matrix(full_name, rows, columns));
}

nn::Linear Weights::tied(const nn::Embedding& embedding) const {
  if (embedding.trainable()) return nn::Linear(embedding.table(), Tensor(), shared_->options.compute);
  return nn::Linear(embedding.packed(), Tensor(), shared_->options.precision);
}

Tensor Weights::vector(const std::string& name, int64_t size) const {
  const std::string full_name = prefix_ + name;
  if (shared_->options.fresh) return parameter(full_name, shared_->options.fresh(full_name, {size}));
  const TensorView* view = find(full_name);
  LIMPID_CHECK(view, FormatError, shared_->checkpoint->source(), ": tensor \"",
               shared_->layout.rename ? shared_->layout.rename(full_name) : full_name, "\" is missing");
  LIMPID_CHECK(view->elements() == size && view->shape.size() == 1, ShapeError, shared_->checkpoint->source(), ": \"",
               view->name, "\" has shape ", shape_text(view->shape), ", the config asks for [", size, "]");
  return parameter(full_name, float_tensor(*view));
}

Precision natural_precision(const Checkpoint& checkpoint) {
  int64_t wide = 0, sixteen = 0, blocks = 0;
  for (const TensorView& tensor : checkpoint.tensors()) {
    if (tensor.shape.size() != 2) continue;
    const bool half = tensor.dtype == DType::F16 || tensor.dtype == DType::BF16;
    (is_quantised(tensor.dtype) ? blocks : half ? sixteen : wide) += tensor.elements();
  }
  return blocks > std::max(wide, sixteen) ? Precision::Int8 : sixteen > wide ? Precision::BF16 : Precision::Exact;
}

}  // namespace limpid
