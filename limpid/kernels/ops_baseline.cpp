#include "limpid/kernels/ops_kernels.h"
#include "limpid/kernels/simd/plain.h"

namespace limpid::kernels::plain {
namespace {

// Sums that fit in the registers side by side.
constexpr int kUnroll = 1, kScorePairs = 1, kValuePairs = 1, kValueParts = 4;
#include "limpid/kernels/ops_kernel.inl"
#include "limpid/kernels/attention_kernel.inl"

}  // namespace

const OpsKernels kOps = {rms_norm_here, layer_norm_here,   rotary_here,       add_here,      activate_here,
                         gated_here,    head_moments_here, head_combine_here, row_peak_here, attention_here};

}  // namespace limpid::kernels::plain
