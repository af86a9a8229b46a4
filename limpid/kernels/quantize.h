#pragma once

#include <cstddef>

/// Writing blocks: what `limpid quantize` and the 8-bit heads of small models need.
namespace limpid::kernels {

/// Rounds n float32 numbers to n / 32 blocks of Q8_0: d = max|x| / 127 as float16, q = round(x / d) with ties away
/// from zero, as ggml's reference does (it divides by d before the rounding of d to float16).
/// @param n    a multiple of 32    @param out  n / 32 * 34 bytes
/// @throws ShapeError when n is not a multiple of 32.
void quantize_q8_0(const float* values, size_t n, void* out);

}  // namespace limpid::kernels
