#include "limpid/kernels/linear.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "limpid/core/error.h"
#include "limpid/kernels/quantize.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::kernels {
namespace {

class RowMatrix : public PackedMatrix {
 public:
  RowMatrix(DType type, size_t out, size_t in, const void* data) : type_(type), out_(out), in_(in) {
    row_bytes_ = byte_size(type, in);
    data_.resize(row_bytes_ * out);
    if (!data_.empty()) std::memcpy(data_.data(), data, data_.size());
    std::vector<float> probe(in);
    if (out > 0) RowMatrix::row(0, probe.data());  // refuses integer types now rather than later
  }
  size_t out() const override { return out_; }
  size_t in() const override { return in_; }
  size_t bytes() const override { return data_.size(); }
  DType dtype() const override { return type_; }
  void row(size_t index, float* out) const override { dequantize(type_, data_.data() + index * row_bytes_, in_, out); }

 private:
  DType type_;
  size_t out_, in_, row_bytes_;
  std::vector<std::byte> data_;
};

}  // namespace

std::shared_ptr<const PackedMatrix> PackedMatrix::pack(const TensorView& weight) {
  LIMPID_CHECK(weight.shape.size() == 2, ShapeError, "[linear] ", weight.name, " has ", weight.shape.size(),
               " dimensions, expected a matrix");
  const size_t out = size_t(weight.shape[0]), in = size_t(weight.shape[1]);
  LIMPID_CHECK(weight.data.size() == byte_size(weight.dtype, in) * out, ShapeError, "[linear] ", weight.name, " has ",
               weight.data.size(), " bytes, expected ", byte_size(weight.dtype, in) * out);
  return std::make_shared<RowMatrix>(weight.dtype, out, in, weight.data.data());
}

std::shared_ptr<const PackedMatrix> PackedMatrix::pack(const float* weight, size_t out, size_t in, DType as) {
  if (as == DType::F32) return std::make_shared<RowMatrix>(as, out, in, weight);
  LIMPID_CHECK(as == DType::Q8_0, ShapeError, "[linear] float32 numbers cannot be packed as ", info(as).name);
  std::vector<std::byte> blocks(byte_size(as, in) * out);
  quantize_q8_0(weight, out * in, blocks.data());
  return std::make_shared<RowMatrix>(as, out, in, blocks.data());
}

void linear(const PackedMatrix& weight, const float* x, size_t rows, size_t x_stride, const float* bias, float* y,
            size_t y_stride, Precision precision) {
  constexpr size_t kChannels = 32;
  parallel_for((weight.out() + kChannels - 1) / kChannels, [&](size_t task) {
    std::vector<float> channel(weight.in());
    for (size_t o = task * kChannels; o < std::min(weight.out(), (task + 1) * kChannels); ++o) {
      weight.row(o, channel.data());
      for (size_t r = 0; r < rows; ++r) {
        float sum = 0.0f;
        for (size_t i = 0; i < weight.in(); ++i) sum += channel[i] * x[r * x_stride + i];
        y[r * y_stride + o] = sum + (bias ? bias[o] : 0.0f);
      }
    }
  });
}

void linear_many(const LinearOutput* outputs, size_t count, const float* x, size_t rows, size_t x_stride,
                 Precision precision) {
  for (size_t i = 0; i < count; ++i) {
    linear(*outputs[i].weight, x, rows, x_stride, outputs[i].bias, outputs[i].y, outputs[i].y_stride, precision);
  }
}

void linear_plain(const PackedMatrix& weight, const float* x, size_t rows, size_t x_stride, const float* bias, float* y,
                  size_t y_stride) {
  std::vector<float> channel(weight.in());
  for (size_t o = 0; o < weight.out(); ++o) {
    weight.row(o, channel.data());
    for (size_t r = 0; r < rows; ++r) {
      double sum = bias ? bias[o] : 0.0;
      for (size_t i = 0; i < weight.in(); ++i) sum += double(channel[i]) * x[r * x_stride + i];
      y[r * y_stride + o] = float(sum);
    }
  }
}

}  // namespace limpid::kernels
