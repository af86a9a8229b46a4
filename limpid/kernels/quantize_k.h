#pragma once

#include <cstddef>

#include "limpid/kernels/dtype.h"

/// Super-blocks of 256 (quantize.h). Internal to the room.
namespace limpid::kernels {

void quantize_q45_k(bool five_bits, const float* values, std::byte* block);
void quantize_q6_k(const float* values, std::byte* block);

/// The nearest integer of [low, high]; `low` for NaN.
int nearest(float value, int low, int high);

}  // namespace limpid::kernels
