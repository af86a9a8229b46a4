#pragma once

#include <cstddef>
#include <cstdint>

#include "limpid/kernels/cpu.h"
#include "limpid/kernels/packed_matrix.h"

/// What linear.cpp asks of an instruction set. Internal to the room.
namespace limpid::kernels {

/// What a row of inputs becomes before the product: one record for each block of 32.
enum class Form : uint8_t {
  F32,      ///< float x[32]
  Rounded,  ///< the same, rounded to bfloat16 first
  /// bfloat16 x[32] in pairs (0,2) (1,3) (4,6) (5,7) …, float sum[2]: of the halves, or of all if the group is 32
  BF16,
  /// int8 x[32], float scale, then for each group float sum (of scale * x) and int32 start (-offset * sum of x); behind
  /// the records of the rows taken together their outliers, Note [Outliers]
  Int8,
};

/// Note [Outliers]
/// A block's scale is that of its largest input, and one input many times the others leaves them few of the 255 steps:
/// that is most of what rounding to 8 bits costs (docs/performance.md). So up to kOutliers inputs of a row stay float32
/// and are zero in their blocks, at most one of a block: where the largest input is more than twice the second, those
/// whose squares exceed that second's by most. Their products with dequantised weights end the sum, in the order of
/// their places. Rows taken together lie in one list by place, so that the weights of a place are decoded once: the
/// same inputs stand out in most rows.
inline constexpr size_t kOutliers = 4;
struct Outlier {
  int32_t place;  ///< among the row's inputs
  int32_t row;    ///< among those taken together; below 0: the list ends here
  float x;
};

inline constexpr size_t kBF16Record = 64 + 2 * 4;
constexpr size_t int8_record(size_t groups) { return 32 + 4 + groups * 8; }
constexpr size_t record_bytes(Form form, size_t groups) {
  if (form == Form::BF16) return kBF16Record;
  return form == Form::Int8 ? int8_record(groups) : 128;
}

constexpr size_t row_bytes(Form form, size_t groups, size_t blocks) {
  return blocks * record_bytes(form, groups) + (form == Form::Int8 ? (kOutliers + 1) * sizeof(Outlier) : 0);
}

/// Rows of x to records. Rows that a kernel takes together lie interleaved: record (block, row) at
/// (block * together + row) * record_bytes, their outliers at together * blocks * record_bytes.
struct PrepareCall {
  const float* x;
  size_t x_stride, in, rows;
  Form form;
  size_t groups;  ///< of a record: 1, or 2 for weights with a scale for 16
  int offset;     ///< of the weight's unsigned codes (Int8)
  std::byte* out;
};

/// One tile of the matrix times `rows` prepared rows: y[r, lane] = sum + bias, lane < lanes.
struct TileCall {
  const TiledMatrix* matrix;
  const std::byte* tile;
  const std::byte* x;
  const float* bias;  ///< of the tile's channels, or null
  float* y;           ///< of the tile's channels
  size_t y_stride, lanes;
};
using TileKernel = void (*)(const TileCall&);

/// A tile's weights as float32, laid out like a tile of Codes::F32: out[in rounded up to 32][16].
using ExpandKernel = void (*)(const TiledMatrix&, const std::byte* tile, float* out);

/// Note [Expanding a tile]
/// The float kernels turn codes into float32 for each call. Beyond kMaxCodedRows rows it is cheaper to write the floats
/// of a tile down once (it stays in the second-level cache) and to pass all rows over them. Sums stay what they were,
/// to the bit.
inline constexpr size_t kMaxCodedRows = 3;

struct LinearKernels {
  void (*prepare)(const PrepareCall&);
  Form (*form)(Precision, Codes);  ///< what the kernels of that precision and coding take
  size_t (*max_rows)(Form);        ///< rows of one call
  TileKernel (*tile)(Form, Codes,
                     size_t rows);  ///< 1 <= rows <= max_rows; float forms of other codes than F32: <= kMaxCodedRows
  ExpandKernel (*expand)(Codes);
};

namespace plain {
extern const LinearKernels kLinear;
}
namespace avx2 {
extern const LinearKernels kLinear;
}
namespace avx512 {
extern const LinearKernels kLinear;
}
namespace avx512_bf16 {
extern const LinearKernels kLinear;
}

}  // namespace limpid::kernels
