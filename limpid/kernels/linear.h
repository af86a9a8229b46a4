#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "limpid/core/names.h"
#include "limpid/kernels/dtype.h"

/// y = x W^T + b for weights that stay in 4 or 8 bits, bf16 or f32: the products of decoding and prefill.
namespace limpid::kernels {

/// What the activations are rounded to before the product. Weights of blocks and bfloat16 are exact in each.
enum class Precision {
  Exact,  ///< float32 activations, float32 arithmetic on the dequantised weights
  BF16,   ///< bfloat16 activations, float32 sums; wider weights may be rounded to bfloat16 as well
  Int8,   ///< 8-bit activations with one scale per 32, but a row's few outliers; int32 sums in a block, else float32
};

inline constexpr const char* kPrecisions[] = {"exact", "bf16", "int8"};
constexpr Names names_of(Precision) { return kPrecisions; }

/// A weight matrix [out, in] repacked at load into tiles of output channels, so that each output adds up over the
/// inputs in one fixed order, whatever the number of rows: a row's result is bit-identical alone and among others, and
/// at any number of threads. Immutable; shared between models.
class PackedMatrix {
 public:
  /// @param weight  [out, in], any floating or block type; read once, not kept.
  /// @throws ShapeError when it is not a matrix.
  static std::shared_ptr<const PackedMatrix> pack(const TensorView& weight);

  /// Packs float32 from memory, optionally quantised to 8-bit blocks of 32 on the way.
  static std::shared_ptr<const PackedMatrix> pack(const float* weight, size_t out, size_t in, DType as = DType::F32);

  virtual ~PackedMatrix() = default;
  virtual size_t out() const = 0;
  virtual size_t in() const = 0;
  virtual size_t bytes() const = 0;  ///< memory read for one row
  virtual DType dtype() const = 0;   ///< what it was packed from
  /// The weights of one output channel as float32: out[in()]. The oracle of the tests, and embedding rows of tied
  /// models.
  virtual void row(size_t index, float* out) const = 0;
};

/// y[r, o] = sum_i x[r, i] W[o, i] + (bias ? bias[o] : 0)
/// @param x  [rows, in] float32, row stride `x_stride` elements    @param y  [rows, out] float32, row stride `y_stride`
void linear(const PackedMatrix& weight, const float* x, size_t rows, size_t x_stride, const float* bias, float* y,
            size_t y_stride, Precision precision);

/// Several matrices with the same input (query, key, value; gate, up) in one parallel region.
struct LinearOutput {
  const PackedMatrix* weight;
  const float* bias;
  float* y;
  size_t y_stride;
};
void linear_many(const LinearOutput* outputs, size_t count, const float* x, size_t rows, size_t x_stride,
                 Precision precision);

/// Some outputs of each row, where few are needed of many: y[r, o] for the o in wanted[r], with the bits that linear()
/// gives them. The rest of y is unspecified.
/// @param wanted  for each row, ascending
void linear_some(const PackedMatrix& weight, const float* x, size_t rows, size_t x_stride, const float* bias,
                 std::span<const std::vector<int32_t>> wanted, float* y, size_t y_stride, Precision precision);

/// Plain version: double sums over row(). Test oracle and fallback.
void linear_plain(const PackedMatrix& weight, const float* x, size_t rows, size_t x_stride, const float* bias, float* y,
                  size_t y_stride);

}  // namespace limpid::kernels
