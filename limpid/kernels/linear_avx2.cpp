#if defined(__x86_64__)
#include <immintrin.h>

#include <cmath>
#include <utility>

#include "limpid/core/half.h"
#include "limpid/kernels/linear_kernels.h"

#include "limpid/kernels/simd/begin_avx2.inl"
#include "limpid/kernels/simd/avx2.h"

namespace limpid::kernels::avx2 {
namespace {

constexpr int kUnroll = 16;
#include "limpid/kernels/linear_kernel.inl"

constexpr size_t kMaxFloatRows = 6, kMaxInt8Rows = 4;  // two registers a sum, of sixteen

Form form_for(Precision precision, Codes codes) {
  if (precision == Precision::Exact) return Form::F32;
  return precision == Precision::Int8 && !is_dense(codes) ? Form::Int8 : Form::Rounded;
}

size_t max_rows(Form form) { return form == Form::Int8 ? kMaxInt8Rows : kMaxFloatRows; }

TileKernel kernel(Form form, Codes codes, size_t rows) {
  return form == Form::Int8 ? int8_kernel<kMaxInt8Rows>(codes, rows) : float_kernel<kMaxFloatRows>(codes, rows);
}

}  // namespace

const LinearKernels kLinear = {prepare_rows, form_for, max_rows, kernel, expand_kernel};

}  // namespace limpid::kernels::avx2

#include "limpid/kernels/simd/end.inl"
#endif
