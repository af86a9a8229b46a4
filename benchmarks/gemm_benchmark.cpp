#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <torch/types.h>

#include "limpid/kernels/thread_pool.h"

/// What this machine multiplies at most through LibTorch: training's speed is a share of it. FLOPs of a training step:
/// 6 x parameters in matrices x tokens, and 12 x layers x width x length x tokens / 2 for causal attention.
namespace {

/// Y[M, N] = X[M, K] W[N, K]^T, the shapes of SmolLM2-135M at 8 x 256 tokens and square ones that show the peak.
void gemm(benchmark::State& state, torch::ScalarType type) {
  at::set_num_threads(int(limpid::kernels::num_threads()));
  const int64_t M = state.range(0), N = state.range(1), K = state.range(2);
  const torch::Tensor x = torch::randn({M, K}).to(type), w = torch::randn({N, K}).to(type);
  torch::Tensor y = torch::empty({M, N}, type);
  torch::NoGradGuard no_grad;
  for (auto _ : state) torch::mm_out(y, x, w.t());
  state.counters["FLOP/s"] = benchmark::Counter(2.0 * double(M) * double(N) * double(K) * double(state.iterations()),
                                                benchmark::Counter::kIsRate);
}

void shapes(benchmark::internal::Benchmark* b) {
  for (const auto& [M, N, K] : {std::tuple{2048, 2048, 2048},
                                {4096, 4096, 4096},
                                {2048, 576, 576},
                                {2048, 1536, 576},
                                {2048, 576, 1536},
                                {256, 49152, 576}})
    b->Args({M, N, K});
  b->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
}

BENCHMARK_CAPTURE(gemm, bf16, torch::kBFloat16)->Apply(shapes);
BENCHMARK_CAPTURE(gemm, f32, torch::kFloat32)->Apply(shapes);

}  // namespace

BENCHMARK_MAIN();
