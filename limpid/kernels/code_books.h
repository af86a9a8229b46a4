#pragma once

#include <cstdint>

#include "limpid/kernels/dtype.h"

/// The points that the weights of ggml's IQ types may take, several weights at once: a code is a point's number.
namespace limpid::kernels {

/// Returns the points of IQ1_S and IQ1_M (2048), IQ2_XXS (256), IQ2_XS (512) or IQ2_S (1024) as eight values each, of
/// IQ3_XXS (256) or IQ3_S (512) as four. Values are those of the types but for a scale: -8, 0, 8 for IQ1, 8, 25, 43 for
/// IQ2; 4 to 62 for IQ3_XXS, 1 to 15 for IQ3_S.
/// @throws ShapeError for other types.
const int8_t* code_book(DType type);

}  // namespace limpid::kernels
