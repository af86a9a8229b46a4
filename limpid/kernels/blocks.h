#pragma once

#include <cstddef>
#include <cstdint>

#include "limpid/kernels/dtype.h"

/// One reading of the block types for everybody: dequantising and packing share it, so they cannot disagree.
namespace limpid::kernels {

/// A block taken apart: element i stands for scale[i / group] * code[i] + min[i / group], in float32 and in this order
/// of operations (that of the gguf library).
struct DecodedBlock {
  int8_t code[256];
  float scale[16];
  float min[16];
};

/// What a block type looks like once decoded.
struct BlockTraits {
  size_t group;         ///< elements that share one scale: 16 or 32
  bool has_min;         ///< false: min is zero and not written by decode_block
  int lowest, highest;  ///< range of the codes
  bool halves;          ///< scales and mins are float16 values as stored; otherwise products that need float32
  const int8_t* values = nullptr;  ///< the sixteen codes there are, where they are not all of the range; else null
  /// Byte of a block at which its float16 scale lies, that of the mins behind it; -1: scales are of another kind.
  int scale_at = 0;
};

/// @throws ShapeError for a type that is not a block type.
const BlockTraits& block_traits(DType type);

/// Takes one block of info(type).block_bytes bytes apart. Layouts: ggml's ggml-common.h, all little-endian.
void decode_block(DType type, const std::byte* block, DecodedBlock& out);

}  // namespace limpid::kernels
