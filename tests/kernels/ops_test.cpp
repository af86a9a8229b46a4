#include "limpid/kernels/ops.h"

#include <gtest/gtest.h>

#include <functional>

#include "limpid/kernels/cpu.h"
#include "limpid/kernels/thread_pool.h"
#include "tests/kernels/random_tensor.h"

namespace limpid::kernels {
namespace {

constexpr Isa kIsas[] = {Isa::Plain, Isa::Avx2, Isa::Avx512, Isa::Avx512Bf16};
constexpr size_t kSizes[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 67, 576, 4096};  // around the vector widths

void expect_close(const std::vector<float>& found, const std::vector<float>& expected, float relative, float absolute) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], relative * std::fabs(expected[i]) + absolute) << "at " << i;
  }
}

class Ops : public testing::Test {
 protected:
  void TearDown() override { set_isa(Isa::Avx512Bf16), set_num_threads(2); }

  void on_every_isa(const std::function<void()>& body) {
    for (Isa isa : kIsas) {
      if (set_isa(isa) != isa) continue;
      SCOPED_TRACE(name(isa));
      body();
    }
  }

  /// run(first, rows) returns those rows; a row must be the same wherever it stands, on any number of threads.
  void expect_rows_to_be_independent(size_t rows, const std::function<std::vector<float>(size_t, size_t)>& run) {
    set_num_threads(1);
    const auto all = run(0, rows);
    const size_t n = all.size() / rows;
    for (size_t threads : {1, 2, 3}) {
      set_num_threads(threads);
      for (size_t first : {size_t(0), size_t(1), rows - 1}) {
        for (size_t count : {size_t(1), rows - first}) {
          const auto some = run(first, count);
          ASSERT_EQ(std::memcmp(some.data(), all.data() + first * n, some.size() * sizeof(float)), 0)
              << count << " rows from " << first << " on " << threads << " threads";
        }
      }
    }
  }
};

TEST_F(Ops, RmsNormMatchesThePlainVersionOnEveryTail) {
  on_every_isa([] {
    for (size_t n : kSizes) {
      const auto x = random_floats(3 * n, 1, 4.0f), weight = random_floats(n, 2);
      std::vector<float> found(3 * n), expected(3 * n);
      rms_norm(x.data(), weight.data(), found.data(), 3, n, 1e-6f, 1.0f);
      rms_norm_plain(x.data(), weight.data(), expected.data(), 3, n, 1e-6f, 1.0f);
      expect_close(found, expected, 1e-5f, 1e-6f);
    }
  });
}

TEST_F(Ops, LayerNormMatchesThePlainVersionOnEveryTailWithAndWithoutWeights) {
  on_every_isa([] {
    for (size_t n : kSizes) {
      auto x = random_floats(3 * n, 1);
      for (float& v : x) v += 10.0f;  // a mean far from zero
      const auto weight = random_floats(n, 2), bias = random_floats(n, 3);
      for (bool plain : {false, true}) {
        const float *w = plain ? nullptr : weight.data(), *b = plain ? nullptr : bias.data();
        std::vector<float> found(3 * n), expected(3 * n);
        layer_norm(x.data(), w, b, found.data(), 3, n, 1e-5f);
        layer_norm_plain(x.data(), w, b, expected.data(), 3, n, 1e-5f);
        expect_close(found, expected, 1e-5f,
                     n < 4 ? 1e-3f : 1e-5f);  // of two numbers close to each other little is left
      }
    }
  });
}

TEST_F(Ops, NormsGiveARowTheSameBitsAnywhere) {
  const size_t rows = 70, n = 1000;
  const auto x = random_floats(rows * n, 1), weight = random_floats(n, 2);
  on_every_isa([&] {
    expect_rows_to_be_independent(rows, [&](size_t first, size_t count) {
      std::vector<float> y(count * n);
      rms_norm(x.data() + first * n, weight.data(), y.data(), count, n, 1e-6f);
      return y;
    });
    expect_rows_to_be_independent(rows, [&](size_t first, size_t count) {
      std::vector<float> y(count * n);
      layer_norm(x.data() + first * n, weight.data(), nullptr, y.data(), count, n, 1e-6f);
      return y;
    });
  });
}

TEST_F(Ops, RmsNormAcceptsItsInputAsOutput) {
  const float weight[2] = {1.0f, 2.0f};
  float x[2] = {3.0f, 4.0f};
  rms_norm(x, weight, x, 1, 2, 0.0f);  // mean square 12.5
  EXPECT_FLOAT_EQ(x[0], 3.0f / std::sqrt(12.5f));
  EXPECT_FLOAT_EQ(x[1], 8.0f / std::sqrt(12.5f));
}

TEST_F(Ops, RotaryTurnsTheHalvesOfAHeadAgainstEachOther) {
  // One row, two heads of 6, of which 4 rotate: pairs (0, 2) and (1, 3).
  std::vector<float> x = {1, 2, 3, 4, 5, 6, 1, 0, 0, 1, 7, 8};
  const float cos[] = {0.0f, 1.0f}, sin[] = {1.0f, 0.0f};  // a quarter turn for the first pair, none for the second
  rotary(x.data(), 1, 12, 2, 6, 4, cos, sin);
  EXPECT_EQ(x, (std::vector<float>{-3, 2, 1, 4, 5, 6, 0, 0, 1, 1, 7, 8}));
}

TEST_F(Ops, RotaryTurnsEachRowByItsAngles) {
  const size_t rows = 40, heads = 3, dim = 80, half = 33, stride = heads * dim + 5;
  const auto x = random_floats(rows * stride, 1), angle = random_floats(rows * half, 2);
  std::vector<float> cos(angle.size()), sin(angle.size());
  for (size_t i = 0; i < angle.size(); ++i) cos[i] = std::cos(angle[i]), sin[i] = std::sin(angle[i]);
  std::vector<float> expected = x;
  for (size_t r = 0; r < rows; ++r) {
    for (size_t h = 0; h < heads; ++h) {
      for (size_t i = 0; i < half; ++i) {
        const size_t a = r * stride + h * dim + i, b = a + half;
        const double c = cos[r * half + i], s = sin[r * half + i];
        expected[a] = float(x[a] * c - x[b] * s), expected[b] = float(x[b] * c + x[a] * s);
      }
    }
  }
  on_every_isa([&] {
    auto found = x;
    rotary(found.data(), rows, stride, heads, dim, 2 * half, cos.data(), sin.data());
    expect_close(found, expected, 1e-6f, 1e-6f);
  });
}

TEST_F(Ops, AddAddsOnEveryTailAndManyThreads) {
  on_every_isa([] {
    for (size_t n : {size_t(1), size_t(15), size_t(17), size_t(100'003)}) {
      const auto x = random_floats(n, 1), y = random_floats(n, 2);
      auto found = y;
      add(found.data(), x.data(), n);
      for (size_t i = 0; i < n; ++i) ASSERT_EQ(found[i], x[i] + y[i]);
    }
  });
}

TEST_F(Ops, ActivationsMatchThePlainVersionFromTailToTail) {
  std::vector<float> x;
  for (float v = -30.0f; v < 30.0f; v += 0.0137f) x.push_back(v);
  for (float v : {0.0f, -0.0f, 1e-30f, -1e-30f, 1e-6f, -1e-6f, 100.0f, -100.0f, 3e38f, -3e38f}) x.push_back(v);
  for (Activation kind : {Activation::Silu, Activation::GeluTanh, Activation::GeluExact, Activation::Relu}) {
    auto expected = x;
    activate_plain(expected.data(), x.size(), kind);
    on_every_isa([&] {
      SCOPED_TRACE(int(kind));
      auto found = x;
      activate(found.data(), x.size(), kind);
      expect_close(found, expected, 1e-5f, 1e-35f);
    });
  }
}

TEST_F(Ops, ActivationsPassNaNOn) {
  for (Activation kind : {Activation::Silu, Activation::GeluTanh, Activation::GeluExact}) {
    on_every_isa([&] {
      float x[3] = {1.0f, NAN, 2.0f};
      activate(x, 3, kind);
      EXPECT_TRUE(std::isnan(x[1]));
      EXPECT_FALSE(std::isnan(x[0]) || std::isnan(x[2]));
    });
  }
}

TEST_F(Ops, GatedMultipliesByTheSecondInput) {
  const size_t n = 50'001;
  const auto gate = random_floats(n, 1, 3.0f), up = random_floats(n, 2);
  auto expected = gate;
  activate_plain(expected.data(), n, Activation::Silu);
  for (size_t i = 0; i < n; ++i) expected[i] *= up[i];
  on_every_isa([&] {
    std::vector<float> first;
    for (size_t threads : {1, 2}) {
      set_num_threads(threads);
      auto found = gate;
      gated(found.data(), up.data(), n, Activation::Silu);
      expect_close(found, expected, 1e-5f, 1e-30f);
      if (first.empty()) first = found;
      EXPECT_EQ(found, first);
    }
  });
}

}  // namespace
}  // namespace limpid::kernels
