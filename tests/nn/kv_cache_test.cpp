#include "limpid/nn/kv_cache.h"

#include <gtest/gtest.h>

#include <initializer_list>

#include "limpid/nn/pass.h"

namespace limpid::nn {
namespace {

using Keys = std::vector<float>;

/// One layer and one head of one number, in pages of four positions: what a cache holds can be written down.
std::shared_ptr<KvPool> new_pool() { return std::make_shared<KvPool>(KvShape{1, 1, 1, /*page_tokens=*/4}); }

float* floats(std::byte* row) { return reinterpret_cast<float*>(row); }
const float* floats(const std::byte* row) { return reinterpret_cast<const float*>(row); }

void append(KvCache& cache, std::initializer_list<float> keys) {
  cache.reserve(keys.size());
  size_t position = cache.length();
  for (float key : keys) {
    *floats(cache.key(0, position)) = key;
    *floats(cache.value(0, position++)) = -key;
  }
  cache.advance(keys.size());
}

/// @return the keys; each value must be the negative of its key
Keys keys_of(const KvCache& cache) {
  Keys keys;
  for (size_t position = 0; position < cache.length(); ++position) {
    keys.push_back(floats(cache.key_page(0, position / 4))[position % 4]);
    EXPECT_EQ(floats(cache.value_page(0, position / 4))[position % 4], -keys.back());
  }
  return keys;
}

TEST(KvCache, KeepsWhatWasWrittenAcrossPages) {
  KvCache cache(new_pool());
  append(cache, {1, 2, 3});
  append(cache, {4, 5, 6, 7, 8, 9});
  EXPECT_EQ(keys_of(cache), (Keys{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(cache.pages(), 3u);
}

TEST(KvCache, AForkSharesItsPagesUntilOneOfTheTwoWrites) {
  KvCache one(new_pool());
  append(one, {1, 2, 3, 4, 5, 6});
  KvCache other = one;
  EXPECT_EQ(one.key_page(0, 0), other.key_page(0, 0));
  EXPECT_EQ(one.key_page(0, 1), other.key_page(0, 1));
  append(other, {70});
  EXPECT_EQ(one.key_page(0, 0), other.key_page(0, 0));
  EXPECT_NE(one.key_page(0, 1), other.key_page(0, 1));
  const std::byte* own = one.key_page(0, 1);
  append(one, {7});
  EXPECT_EQ(one.key_page(0, 1), own) << "the last owner writes in place";
  EXPECT_EQ(keys_of(one), (Keys{1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(keys_of(other), (Keys{1, 2, 3, 4, 5, 6, 70}));
}

TEST(KvCache, AForkAtAPagesEndCopiesNothing) {
  KvCache one(new_pool());
  append(one, {1, 2, 3, 4});
  KvCache other = one;
  append(other, {5});
  append(one, {50});
  EXPECT_EQ(one.key_page(0, 0), other.key_page(0, 0));
  EXPECT_EQ(keys_of(one), (Keys{1, 2, 3, 4, 50}));
  EXPECT_EQ(keys_of(other), (Keys{1, 2, 3, 4, 5}));
}

TEST(KvCache, ATruncatedForkWritesOnWithoutTouchingTheOther) {
  KvCache one(new_pool());
  append(one, {1, 2, 3, 4, 5, 6});
  KvCache other = one;
  other.truncate(2);
  append(other, {30, 40, 50});
  EXPECT_EQ(keys_of(one), (Keys{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(keys_of(other), (Keys{1, 2, 30, 40, 50}));
}

TEST(KvCache, TruncatingDropsThePagesBehindAndNeverGrows) {
  KvCache cache(new_pool());
  append(cache, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  cache.truncate(100);
  EXPECT_EQ(cache.length(), 9u);
  cache.truncate(5);
  EXPECT_EQ(cache.pages(), 2u);
  cache.truncate(4);
  EXPECT_EQ(cache.pages(), 1u);
  cache.truncate(0);
  EXPECT_EQ(cache.pages(), 0u);
  append(cache, {7});
  EXPECT_EQ(keys_of(cache), Keys{7});
}

TEST(KvCache, LayersHeadsKeysAndValuesHaveRoomOfTheirOwn) {
  const KvShape shape{/*layers=*/2, /*kv_heads=*/2, /*head_dim=*/3, /*page_tokens=*/4};
  const auto pool = std::make_shared<KvPool>(shape);
  EXPECT_EQ(pool->layer_bytes(), 48u * 4);  // keys and values, 2 heads, 4 positions, 3 numbers
  EXPECT_EQ(pool->bytes_per_page(), 96u * 4);
  KvCache cache(pool);
  cache.reserve(6);
  EXPECT_EQ(cache.key(1, 5) - cache.key_page(1, 1), 3 * 4);  // the second position of its page
  EXPECT_EQ(cache.value(1, 5) - cache.key(1, 5), 24 * 4);
  EXPECT_EQ(cache.key(1, 0) - cache.key(0, 0), 48 * 4);
  EXPECT_EQ(cache.bytes(), 2 * pool->bytes_per_page());
}

/// Layer 0 sees everything, layer 1 the last five positions.
std::shared_ptr<KvPool> pool_with_a_window() {
  return std::make_shared<KvPool>(
      KvShape{.layers = 2, .kv_heads = 1, .head_dim = 1, .page_tokens = 4, .slides = {false, true}, .window = 5});
}

void grow(KvCache& cache, size_t length) {
  while (cache.length() < length) {
    cache.reserve(1);
    for (size_t layer : {0, 1}) *floats(cache.key(layer, cache.length())) = float(cache.length());
    cache.advance(1);
  }
}

size_t pages_held(const KvCache& cache, size_t layer) {
  size_t held = 0;
  for (size_t page = 0; page < cache.pages(); ++page) held += cache.key_page(layer, page) != nullptr;
  return held;
}

TEST(KvCache, LayersWithAWindowGiveBackWhatLiesBehindItAndTheOthersKeepAll) {
  KvCache cache(pool_with_a_window());
  for (size_t length = 1; length < 400; ++length) {
    grow(cache, length);
    EXPECT_EQ(pages_held(cache, 0), (length + 3) / 4);
    EXPECT_LE(pages_held(cache, 1), (5 + KvCache::kSlack) / 4 + 2) << "flat, however long the text is";
    for (size_t seen = length + 1 - std::min<size_t>(length, 5 + KvCache::kSlack); seen < length; ++seen) {
      ASSERT_NE(cache.key_page(1, seen / 4), nullptr) << "position " << seen << " of " << length;
      EXPECT_EQ(floats(cache.key_page(1, seen / 4))[seen % 4], float(seen));
    }
  }
}

TEST(KvCache, PagesThatGoBackAreTakenAgain) {
  const auto pool = pool_with_a_window();
  KvCache cache(pool);
  grow(cache, 300);
  const size_t bytes = cache.bytes();
  grow(cache, 304);
  EXPECT_EQ(cache.bytes(), bytes + pool->page_bytes(KvPool::kFull));
}

TEST(KvCache, AForkKeepsWhatItsOriginGivesBack) {
  KvCache origin(pool_with_a_window());
  grow(origin, 40);
  KvCache fork = origin;
  const std::byte* shared = fork.key_page(1, 0);
  grow(origin, 300);
  EXPECT_EQ(origin.key_page(1, 0), nullptr);
  ASSERT_EQ(fork.key_page(1, 0), shared);
  for (size_t position = 0; position < 40; ++position)
    EXPECT_EQ(floats(fork.key_page(1, position / 4))[position % 4], float(position));
  grow(fork, 300);
  EXPECT_EQ(pages_held(fork, 1), pages_held(origin, 1));
}

TEST(KvCache, ATextIsTakenBackAsFarAsItsWindowIsKeptAndElseToItsBeginning) {
  KvCache cache(pool_with_a_window());
  grow(cache, 300);
  EXPECT_LE(cache.least_length(), 300 - KvCache::kSlack);
  KvCache fork = cache;
  fork.truncate(cache.least_length());
  EXPECT_EQ(fork.length(), cache.least_length());
  for (size_t seen = fork.length() + 1 - 5; seen < fork.length(); ++seen)
    EXPECT_NE(fork.key_page(1, seen / 4), nullptr);
  grow(fork, 300);
  cache.truncate(cache.least_length() - 1);
  EXPECT_EQ(cache.length(), 0u);
  EXPECT_EQ(cache.least_length(), 0u);
  grow(cache, 300);
  EXPECT_EQ(pages_held(cache, 1), pages_held(fork, 1));
}

TEST(KvPool, APageGoesBackWithItsLastOwner) {
  const auto pool = new_pool();
  const std::byte* page = nullptr;
  {
    KvCache one(pool);
    append(one, {1});
    page = one.key_page(0, 0);
    const KvCache other = one;
    one.truncate(0);
    append(one, {2});
    EXPECT_NE(one.key_page(0, 0), page) << "the fork still holds it";
    one.truncate(0);
  }
  EXPECT_EQ(pool->take(KvPool::kFull).get(), page);
}

TEST(KvPool, APageMayOutliveItsPool) {
  auto pool = new_pool();
  KvPool::Page page = pool->take(KvPool::kFull);
  pool.reset();
  page[0] = std::byte(1);
  EXPECT_EQ(page[0], std::byte(1));
}

TEST(Pass, TokensStandBehindWhatTheirCacheHolds) {
  KvCache begun(new_pool()), fresh(begun);
  append(begun, {1, 2, 3});
  const TokenIds two = {8, 9}, three = {5, 6, 7};
  const Sequence sequences[] = {{&begun, two}, {&fresh, three}};
  Pass pass(sequences);
  EXPECT_EQ(pass.tokens, (TokenIds{8, 9, 5, 6, 7}));
  EXPECT_EQ(pass.positions, (std::vector<int32_t>{3, 4, 0, 1, 2}));
  EXPECT_EQ(pass.attend_to, pass.positions);
  EXPECT_EQ(pass.offset, (std::vector<int64_t>{0, 2, 5}));
  EXPECT_FALSE(pass.is_dense());
  EXPECT_EQ(begun.length(), 3u) << "until the pass is committed";
  pass.commit();
  EXPECT_EQ(begun.length(), 5u);
  EXPECT_EQ(fresh.length(), 3u);
  EXPECT_EQ(Pass(sequences, /*bidirectional=*/true).attend_to, (std::vector<int32_t>{6, 6, 5, 5, 5}));
}

TEST(Pass, DenseRowsBeginAtZeroEach) {
  const Pass pass = Pass::dense(torch::tensor({{4, 5, 6}, {7, 8, 9}}, torch::kInt64));
  EXPECT_TRUE(pass.is_dense());
  EXPECT_EQ(pass.dense_batch, 2);
  EXPECT_EQ(pass.dense_time, 3);
  EXPECT_EQ(pass.tokens, (TokenIds{4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(pass.positions, (std::vector<int32_t>{0, 1, 2, 0, 1, 2}));
}

}  // namespace
}  // namespace limpid::nn
