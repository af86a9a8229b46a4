#include "limpid/kernels/ops.h"

#include <algorithm>

#include "limpid/kernels/ops_kernels.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::kernels {
namespace {

constexpr size_t kWorthSharing = 32'768;  // numbers; fewer are done sooner than another thread wakes up

/// body(begin, end) over [0, n) in pieces of whole multiples of `step`, on the pool if they hold enough numbers.
template <class Body>
void in_pieces(size_t n, size_t step, size_t numbers, const Body& body) {
  if (n == 0) return;
  if (numbers < kWorthSharing || num_threads() == 1) return body(size_t(0), n);
  const size_t pieces = std::min(num_threads() * 4, numbers * 4 / kWorthSharing);
  const size_t size = ((n + pieces - 1) / pieces + step - 1) / step * step;
  parallel_for((n + size - 1) / size, [&](size_t piece) { body(piece * size, std::min(n, (piece + 1) * size)); });
}

}  // namespace

void rms_norm(const float* x, const float* weight, float* y, size_t rows, size_t n, float eps, float offset) {
  const OpsKernels& kernels = ops_of(active_isa());
  in_pieces(rows, 1, rows * n, [&](size_t begin, size_t end) {
    kernels.rms_norm(x + begin * n, weight, y + begin * n, end - begin, n, eps, offset);
  });
}

void layer_norm(const float* x, const float* weight, const float* bias, float* y, size_t rows, size_t n, float eps) {
  const OpsKernels& kernels = ops_of(active_isa());
  in_pieces(rows, 1, rows * n, [&](size_t begin, size_t end) {
    kernels.layer_norm(x + begin * n, weight, bias, y + begin * n, end - begin, n, eps);
  });
}

void rotary(float* x, size_t rows, size_t stride, size_t heads, size_t head_dim, size_t rotary_dim, const float* cos,
            const float* sin) {
  const OpsKernels& kernels = ops_of(active_isa());
  in_pieces(rows, 1, rows * heads * rotary_dim, [&](size_t begin, size_t end) {
    const size_t angles = begin * (rotary_dim / 2);
    kernels.rotary(x + begin * stride, end - begin, stride, heads, head_dim, rotary_dim, cos + angles, sin + angles);
  });
}

void add(float* y, const float* x, size_t n) {
  const OpsKernels& kernels = ops_of(active_isa());
  in_pieces(n, 16, n, [&](size_t begin, size_t end) { kernels.add(y + begin, x + begin, end - begin); });
}

void activate(float* x, size_t n, Activation kind) {
  const OpsKernels& kernels = ops_of(active_isa());
  in_pieces(n, 16, 4 * n, [&](size_t begin, size_t end) { kernels.activate(x + begin, end - begin, kind); });
}

void gated(float* gate, const float* up, size_t n, Activation kind) {
  const OpsKernels& kernels = ops_of(active_isa());
  in_pieces(n, 16, 4 * n,
            [&](size_t begin, size_t end) { kernels.gated(gate + begin, up + begin, end - begin, kind); });
}

}  // namespace limpid::kernels
