#if defined(__x86_64__)
#include <immintrin.h>

#include "limpid/kernels/ops_kernels.h"

#include "limpid/kernels/simd/begin_avx2.inl"
#include "limpid/kernels/simd/avx2.h"

namespace limpid::kernels::avx2 {
namespace {

// Sums that fit in the registers side by side.
constexpr int kUnroll = 16, kScorePairs = 3, kValuePairs = 2, kValueParts = 2;
#include "limpid/kernels/ops_kernel.inl"
#include "limpid/kernels/attention_kernel.inl"

}  // namespace

const OpsKernels kOps = {rms_norm_here, layer_norm_here,   rotary_here,       add_here,      activate_here,
                         gated_here,    head_moments_here, head_combine_here, row_peak_here, attention_here};

}  // namespace limpid::kernels::avx2

#include "limpid/kernels/simd/end.inl"
#endif
