#include <cmath>
#include <utility>

#include "limpid/kernels/linear_kernels.h"
#include "limpid/kernels/simd/plain.h"

namespace limpid::kernels::plain {
namespace {

constexpr int kUnroll = 1;  // sixteen lanes are a loop already
#include "limpid/kernels/linear_kernel.inl"

constexpr size_t kMaxRows = 4;

Form form_for(Precision precision, Codes codes) {
  if (precision == Precision::Exact) return Form::F32;
  return precision == Precision::Int8 && !is_dense(codes) ? Form::Int8 : Form::Rounded;
}

size_t max_rows(Form) { return kMaxRows; }

TileKernel kernel(Form form, Codes codes, size_t rows) {
  return form == Form::Int8 ? int8_kernel<kMaxRows>(codes, rows) : float_kernel<kMaxRows>(codes, rows);
}

}  // namespace

const LinearKernels kLinear = {prepare_rows, form_for, max_rows, kernel, expand_kernel};

}  // namespace limpid::kernels::plain
