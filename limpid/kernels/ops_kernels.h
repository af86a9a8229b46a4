#pragma once

#include <cstddef>
#include <cstdint>

#include "limpid/kernels/cpu.h"
#include "limpid/kernels/ops.h"
#include "limpid/kernels/peak.h"

/// What ops.cpp and attention.cpp ask of an instruction set: the work of one thread. Internal to the room.
namespace limpid::kernels {

inline constexpr size_t kMostPairs = 64;  ///< of query tokens and heads in an AttentionCall

/// Query tokens of one sequence, with query heads that share a key head.
struct AttentionCall {
  const AttentionShape* shape;
  const float* q;  ///< of the first token
  size_t q_stride;
  PagedSequence sequence;
  const int32_t* position;              ///< of each token, in any order
  size_t first_token;                   ///< its number among those of the shape's arrays
  size_t tokens, kv_head, head, heads;  ///< query heads [head, head + heads); tokens * heads <= kMostPairs
  float* out;
  size_t out_stride;
  float* scratch;  ///< attention_scratch() numbers, aligned to 64 bytes
};

/// Keys [begin, end) that query token number `token` sees, up to `position`.
struct Visible {
  int64_t begin = 0, end;
  Visible(const AttentionShape& shape, size_t token, int64_t position) : end(position + 1) {
    if (shape.first)
      begin = shape.first[token];
    else if (shape.window > 0 && end > shape.window)
      begin = end - shape.window;
  }
};

/// Numbers of scratch for `pairs` pairs of token and head that see keys in [begin, end): a transposed tile of keys and
/// scores in whole tiles.
inline size_t attention_scratch(const AttentionShape& shape, size_t pairs, int64_t begin, int64_t end) {
  return (shape.head_dim + pairs * size_t((end + 15) / 16 - begin / 16)) * 16;
}

struct OpsKernels {
  void (*rms_norm)(const float* x, const float* weight, float* y, size_t rows, size_t n, float eps, float offset);
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float* y, size_t rows, size_t n,
                     float eps);
  void (*rotary)(float* x, size_t rows, size_t stride, size_t heads, size_t head_dim, size_t rotary_dim,
                 const float* cos, const float* sin);
  void (*add)(float* y, const float* x, size_t n);
  void (*activate)(float* x, size_t n, Activation kind);
  void (*gated)(float* gate, const float* up, size_t n, Activation kind);
  void (*head_moments)(const float* x, const float* z, size_t heads, size_t width, float* square, float* dot);
  void (*head_combine)(float* x, const float* z, const float* a, const float* b, size_t heads, size_t width);
  RowPeak (*row_peak)(const float* z, size_t n);
  void (*attention)(const AttentionCall&);
};

namespace plain {
extern const OpsKernels kOps;
}
namespace avx2 {
extern const OpsKernels kOps;
}
namespace avx512 {
extern const OpsKernels kOps;
}

inline const OpsKernels& ops_of(Isa isa) {
#if defined(__x86_64__) && !defined(LIMPID_PLAIN_KERNELS)
  if (isa >= Isa::Avx512) return avx512::kOps;
  if (isa == Isa::Avx2) return avx2::kOps;
#endif
  return plain::kOps;
}

}  // namespace limpid::kernels
