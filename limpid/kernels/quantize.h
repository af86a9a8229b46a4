#pragma once

#include <cstddef>

#include "limpid/kernels/dtype.h"

/// Rounding float32 numbers to what files store.
namespace limpid::kernels {

/// Rounds n float32 numbers to n / 32 blocks of Q8_0: d = max|x| / 127 as float16, q = round(x / d) with ties away
/// from zero, as ggml's reference does (it divides by d before the rounding of d to float16).
/// @param n    a multiple of 32    @param out  n / 32 * 34 bytes
/// @throws ShapeError when n is not a multiple of 32.
void quantize_q8_0(const float* values, size_t n, void* out);

/// Rounds n float32 numbers to F32, F16, BF16, or blocks of Q8_0, Q4_0, Q4_1, Q4_K, Q5_K or Q6_K. Scales of the K types
/// are those of least squared error among some tried, larger weights counting more.
/// @param n    a multiple of the block size    @param out  byte_size(type, n) bytes
/// @throws ShapeError for other types, and when n is no whole number of blocks.
void quantize(DType type, const float* values, size_t n, void* out);

/// Returns whether quantize() writes the type.
bool can_quantize(DType type);

}  // namespace limpid::kernels
