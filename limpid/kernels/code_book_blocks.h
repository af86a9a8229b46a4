#pragma once

#include "limpid/kernels/blocks.h"

/// The blocks of IQ1_*, IQ2_* and IQ3_*, whose codes are points of a code book.
namespace limpid::kernels {

/// Takes one block apart, as decode_block does. @throws ShapeError for other types.
void decode_code_book_block(DType type, const std::byte* block, DecodedBlock& out);

}  // namespace limpid::kernels
