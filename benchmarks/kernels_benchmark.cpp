#include <benchmark/benchmark.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "limpid/core/names.h"
#include "limpid/kernels/cpu.h"
#include "limpid/kernels/linear.h"
#include "limpid/kernels/ops.h"
#include "limpid/kernels/steering.h"
#include "limpid/kernels/thread_pool.h"
#include "tests/kernels/random_tensor.h"

/// Kernels at the shapes of real models. Run on a quiet machine, for example
///   kernels_benchmark --benchmark_filter=Smol --benchmark_repetitions=5 --benchmark_report_aggregates_only
namespace limpid::kernels {
namespace {

using Matrix = std::shared_ptr<const PackedMatrix>;

Matrix random_matrix(DType type, size_t out, size_t in, uint64_t seed) {
  return PackedMatrix::pack(random_tensor(type, out, in, seed).view);
}

void report(benchmark::State& state, double bytes, double operations) {
  using benchmark::Counter;
  state.counters["GB/s"] = Counter(bytes * 1e-9, Counter::kIsIterationInvariantRate);
  state.counters["GFLOP/s"] = Counter(operations * 1e-9, Counter::kIsIterationInvariantRate);
}

/// All matrices of SmolLM2-135M for one step: 30 layers of Q4_1 and the Q8_0 head, from memory, not from a cache.
struct SmolStep {
  static constexpr size_t kLayers = 30, kWidth = 576, kKeys = 192, kInner = 1536, kVocabulary = 49152;
  struct Layer {
    Matrix q, k, v, o, gate, up, down;
  };
  std::vector<Layer> layers;
  Matrix head;
  size_t bytes = 0, weights = 0;

  SmolStep() {
    for (size_t i = 0; i < kLayers; ++i) {
      const auto make = [&](size_t out, size_t in) { return random_matrix(DType::Q4_1, out, in, i); };
      layers.push_back({make(kWidth, kWidth), make(kKeys, kWidth), make(kKeys, kWidth), make(kWidth, kWidth),
                        make(kInner, kWidth), make(kInner, kWidth), make(kWidth, kInner)});
      for (const Matrix& m :
           {layers[i].q, layers[i].k, layers[i].v, layers[i].o, layers[i].gate, layers[i].up, layers[i].down}) {
        bytes += m->bytes();
        weights += m->out() * m->in();
      }
    }
    head = random_matrix(DType::Q8_0, kVocabulary, kWidth, 99);
  }

  void run(const float* x, float* y, size_t rows, size_t head_rows, Precision precision) const {
    float *q = y, *k = q + rows * kWidth, *v = k + rows * kKeys, *gate = v + rows * kKeys, *up = gate + rows * kInner;
    for (const Layer& layer : layers) {
      const LinearOutput qkv[] = {
          {layer.q.get(), nullptr, q, kWidth}, {layer.k.get(), nullptr, k, kKeys}, {layer.v.get(), nullptr, v, kKeys}};
      linear_many(qkv, 3, x, rows, kWidth, precision);
      linear(*layer.o, x, rows, kWidth, nullptr, q, kWidth, precision);
      const LinearOutput gate_up[] = {{layer.gate.get(), nullptr, gate, kInner}, {layer.up.get(), nullptr, up, kInner}};
      linear_many(gate_up, 2, x, rows, kWidth, precision);
      linear(*layer.down, up, rows, kInner, nullptr, q, kWidth, precision);
    }
    if (head_rows) linear(*head, x, head_rows, kWidth, nullptr, up + rows * kInner, kVocabulary, precision);
  }
};

void BM_SmolStep(benchmark::State& state, size_t rows, size_t head_rows, Precision precision) {
  static const SmolStep step;
  const auto x = random_floats(rows * SmolStep::kInner, 1);
  std::vector<float> y(rows * (576 + 2 * 192 + 2 * 1536) + head_rows * SmolStep::kVocabulary);
  for (auto _ : state) step.run(x.data(), y.data(), rows, head_rows, precision);
  const size_t head_weights = step.head->out() * step.head->in();
  report(state, double(step.bytes + (head_rows ? step.head->bytes() : 0)),
         2.0 * double(step.weights * rows + head_weights * head_rows));
  state.counters["tokens/s"] = benchmark::Counter(double(rows), benchmark::Counter::kIsIterationInvariantRate);
}

void BM_Linear(benchmark::State& state, DType type, size_t out, size_t in, size_t rows, Precision precision) {
  // Enough copies that each comes from memory.
  std::vector<Matrix> copies;
  for (size_t bytes = 0; bytes < (size_t(100) << 20); bytes += copies.back()->bytes())
    copies.push_back(random_matrix(type, out, in, 1));
  const auto x = random_floats(rows * in, 2);
  std::vector<float> y(rows * out);
  size_t next = 0;
  for (auto _ : state) linear(*copies[next++ % copies.size()], x.data(), rows, in, nullptr, y.data(), out, precision);
  report(state, double(copies[0]->bytes()), 2.0 * double(out * in * rows));
}

/// What steering adds to one decode step of SmolLM2-135M: 30 layers of 9 heads of 64, beside BM_SmolStep.
void BM_SmolSteering(benchmark::State& state, size_t rows, SteeringRule rule) {
  constexpr size_t kHeads = 9, kHeadWidth = 64, kWidth = kHeads * kHeadWidth;
  const auto directions = random_floats(SmolStep::kLayers * kWidth, 1);
  std::vector<float> x = random_floats(rows * kWidth, 2), weight(kHeads, 0.8f), length(kHeads, 1.0f);
  std::vector<float*> pointers;
  for (size_t r = 0; r < rows; ++r) pointers.push_back(x.data() + r * kWidth);
  const std::vector<float> strengths(rows, 1e-3f);
  for (auto _ : state)
    for (size_t layer = 0; layer < SmolStep::kLayers; ++layer)
      steer(rule, {kHeads, kHeadWidth, directions.data() + layer * kWidth, weight.data(), length.data(), nullptr},
            pointers, strengths);
}

/// SmolLM2-135M's output matrix for `kept` tokens of each row, other ones in each; 0: for all.
void BM_SmolHead(benchmark::State& state, size_t rows, size_t kept) {
  const Matrix head = random_matrix(DType::Q8_0, SmolStep::kVocabulary, SmolStep::kWidth, 99);
  const auto x = random_floats(rows * SmolStep::kWidth, 1);
  std::vector<float> y(rows * SmolStep::kVocabulary);
  std::vector<std::vector<int32_t>> wanted(rows);
  for (size_t r = 0; r < rows; ++r)
    for (size_t i = 0; i < kept; ++i) wanted[r].push_back(int32_t((i * SmolStep::kVocabulary + r * 997) / kept));
  for (auto _ : state) {
    if (kept)
      linear_some(*head, x.data(), rows, SmolStep::kWidth, nullptr, wanted, y.data(), SmolStep::kVocabulary,
                  Precision::Int8);
    else
      linear(*head, x.data(), rows, SmolStep::kWidth, nullptr, y.data(), SmolStep::kVocabulary, Precision::Int8);
  }
}

void BM_ParallelFor(benchmark::State& state) {
  for (auto _ : state) parallel_for(size_t(state.range(0)), [](size_t task) { benchmark::DoNotOptimize(task); });
}
BENCHMARK(BM_ParallelFor)->Arg(2)->Arg(32)->UseRealTime();

void register_all() {
  using benchmark::RegisterBenchmark;
  for (size_t rows : {1, 8, 25})
    RegisterBenchmark(("Steering/" + std::to_string(rows)).c_str(), BM_SmolSteering, rows, SteeringRule::Preserve)
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
  for (size_t rows : {1, 25})
    for (size_t kept : {0, 10, 100, 1000})
      RegisterBenchmark(("Head/" + std::to_string(rows) + "/" + (kept ? std::to_string(kept) : "all")).c_str(),
                        BM_SmolHead, rows, kept)
          ->UseRealTime()
          ->Unit(benchmark::kMicrosecond);
  for (Precision precision : {Precision::Int8, Precision::BF16, Precision::Exact}) {
    for (size_t rows : {1, 8, 25, 256}) {
      const std::string what = std::string(limpid::name(precision)) + "/" + std::to_string(rows);
      RegisterBenchmark(("Smol/" + what).c_str(), BM_SmolStep, rows, rows == 256 ? 1 : rows, precision)
          ->UseRealTime()
          ->Unit(benchmark::kMillisecond);
      for (DType type : {DType::Q4_1, DType::Q8_0, DType::Q4_K, DType::Q6_K, DType::BF16, DType::F32}) {
        RegisterBenchmark((std::string("Linear4096/") + info(type).name + "/" + what).c_str(), BM_Linear, type, 4096,
                          4096, rows, precision)
            ->UseRealTime()
            ->Unit(benchmark::kMillisecond);
      }
    }
  }
}

}  // namespace
}  // namespace limpid::kernels

int main(int argc, char** argv) {
  limpid::kernels::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
