#include "limpid/kernels/low_rank.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "limpid/core/random.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::kernels {
namespace {

std::vector<float> random_values(size_t count, uint64_t seed) {
  RandomStream random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = float(random.next_normal());
  return values;
}

/// A change of some outputs or of all, that reads the layer's input or its product.
struct Toy {
  static constexpr size_t kRank = 3, kIn = 21, kOut = 18;
  bool some_rows, reads_product;
  std::vector<int64_t> rows{1, 4, 17};
  std::vector<float> down, up, bias = random_values(kOut, 3);

  Toy(bool some_rows_in, bool reads_product_in)
      : some_rows(some_rows_in),
        reads_product(reads_product_in),
        down(random_values(kRank * (reads_product ? kOut : kIn), 1)),
        up(random_values(kRank * (some_rows ? rows.size() : kOut), 2)) {}
  LowRankChange change() const {
    return {.rank = kRank,
            .width = reads_product ? kOut : kIn,
            .changed = some_rows ? rows.size() : kOut,
            .out = kOut,
            .down = down.data(),
            .up = up.data(),
            .rows = some_rows ? rows.data() : nullptr,
            .reads_product = reads_product,
            .bias = bias.data()};
  }
  /// Returns the outputs of `count` random tokens with the change added, by the fast version or the plain one.
  std::vector<float> outputs(size_t count, bool plain) const {
    const std::vector<float> x = random_values(count * kIn, 4);
    std::vector<float> y = random_values(count * kOut, 5);
    std::vector<LowRankToken> tokens;
    for (size_t t = 0; t < count; ++t) tokens.push_back({&x[t * kIn], &y[t * kOut], 0.5f + float(t % 7)});
    if (plain) {
      for (const LowRankToken& token : tokens) add_low_rank_plain(change(), token);
    } else {
      add_low_rank(change(), tokens);
    }
    return y;
  }
};

TEST(LowRank, FastAndPlainAgree) {
  for (const bool some_rows : {false, true})
    for (const bool reads_product : {false, true}) {
      const Toy toy(some_rows, reads_product);
      const std::vector<float> fast = toy.outputs(5, false), plain = toy.outputs(5, true);
      for (size_t i = 0; i < fast.size(); ++i)
        EXPECT_NEAR(fast[i], plain[i], 1e-5 * (1.0 + std::abs(plain[i]))) << some_rows << reads_product << " at " << i;
    }
}

TEST(LowRank, ByHand) {
  const float down[] = {1.0f, 2.0f}, up[] = {10.0f, 100.0f}, x[] = {3.0f, 0.5f};
  float y[] = {1.0f, 1.0f};
  const LowRankToken token{x, y, 0.5f};
  add_low_rank({.rank = 1, .width = 2, .changed = 2, .out = 2, .down = down, .up = up}, {&token, 1});
  EXPECT_EQ(y[0], 1.0f + 0.5f * 4.0f * 10.0f);
  EXPECT_EQ(y[1], 1.0f + 0.5f * 4.0f * 100.0f);
}

TEST(LowRank, ATokensBitsDependOnNoOtherToken) {
  const Toy toy(false, true);
  const std::vector<float> few = toy.outputs(2, false), many = toy.outputs(2'000, false);  // many: on the pool
  EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin()));
}

}  // namespace
}  // namespace limpid::kernels
