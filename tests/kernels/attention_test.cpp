#include <gtest/gtest.h>

#include "limpid/kernels/cpu.h"
#include "limpid/kernels/ops.h"
#include "limpid/kernels/thread_pool.h"
#include "tests/kernels/random_tensor.h"

namespace limpid::kernels {
namespace {

constexpr Isa kIsas[] = {Isa::Plain, Isa::Avx2, Isa::Avx512, Isa::Avx512Bf16};

/// Sequences in pages of their own; what no token may look at is NaN.
struct Cache {
  AttentionShape shape;
  std::vector<std::vector<std::byte>> memory;
  std::vector<std::vector<const std::byte*>> keys, values;

  Cache(const AttentionShape& shape, std::vector<size_t> lengths) : shape(shape) {
    const size_t rows = shape.kv_heads * shape.page_tokens, row_bytes = cache_row_bytes(shape.cache, shape.head_dim);
    for (size_t length : lengths) {
      for (auto* pages : {&keys, &values}) {
        pages->emplace_back();
        for (size_t p = 0; p * shape.page_tokens < length; ++p) {
          const auto numbers = random_floats(rows * shape.head_dim, memory.size() + 10);
          std::vector<std::byte>& page = memory.emplace_back(rows * row_bytes, std::byte(255));  // NaN in every type
          for (size_t row = 0; row < rows; ++row)
            if (p * shape.page_tokens + row % shape.page_tokens < length)
              write_cache_row(shape.cache, numbers.data() + row * shape.head_dim, shape.head_dim,
                              page.data() + row * row_bytes);
          pages->back().push_back(page.data());
        }
      }
    }
  }
  PagedSequence sequence(size_t i) const { return {keys[i].data(), values[i].data()}; }
};

/// Tokens of a call: sequence and position of each.
struct Tokens {
  std::vector<PagedSequence> sequence;
  std::vector<int32_t> position;
  std::vector<float> q;
  size_t q_stride, out_stride;

  Tokens(const Cache& cache, const std::vector<std::pair<size_t, int32_t>>& tokens) {
    q_stride = cache.shape.heads * cache.shape.head_dim + 3, out_stride = cache.shape.heads * cache.shape.head_dim + 1;
    for (const auto& [seq, pos] : tokens) sequence.push_back(cache.sequence(seq)), position.push_back(pos);
    q = random_floats(tokens.size() * q_stride, 77);
  }
  template <class Function>
  std::vector<float> run(const Function& function, const AttentionShape& shape, size_t first, size_t count) const {
    std::vector<float> out(count * out_stride, 0.0f);
    function(shape, q.data() + first * q_stride, q_stride, sequence.data() + first, position.data() + first, count,
             out.data(), out_stride);
    return out;
  }
};

struct Case {
  const char* name;
  AttentionShape shape;
};

class Attention : public testing::TestWithParam<Case> {
 protected:
  void TearDown() override { set_isa(Isa::Avx512Bf16), set_num_threads(2); }

  /// A prompt of 70 tokens from the middle on, single tokens of other sequences, and a gap.
  Cache cache{GetParam().shape, {90, 1, 17, 64, 200}};
  Tokens tokens = [this] {
    std::vector<std::pair<size_t, int32_t>> list = {{1, 0}, {2, 16}};
    for (int32_t i = 20; i < 90; ++i) list.push_back({0, i});
    for (int32_t i : {3, 40, 63}) list.push_back({3, i});
    list.push_back({4, 199});
    return Tokens(cache, list);
  }();
};

TEST_P(Attention, MatchesThePlainVersion) {
  const auto expected = tokens.run(attention_plain, cache.shape, 0, tokens.position.size());
  for (Isa isa : kIsas) {
    if (set_isa(isa) != isa) continue;
    const auto found = tokens.run(attention, cache.shape, 0, tokens.position.size());
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_NEAR(found[i], expected[i], 1e-5f * std::fabs(expected[i]) + 3e-6f) << "at " << i << " on " << name(isa);
    }
  }
}

TEST_P(Attention, GivesATokenTheSameBitsAloneAmongOthersAndOnAnyThreads) {
  for (Isa isa : kIsas) {
    if (set_isa(isa) != isa) continue;
    set_num_threads(1);
    const size_t count = tokens.position.size();
    const auto all = tokens.run(attention, cache.shape, 0, count);
    for (size_t threads : {1, 2, 3}) {
      set_num_threads(threads);
      for (size_t size : {size_t(1), size_t(2), size_t(5), size_t(33), count}) {
        for (size_t first = 0; first + size <= count; first += std::max<size_t>(1, size / 2)) {
          const auto some = tokens.run(attention, cache.shape, first, size);
          ASSERT_EQ(std::memcmp(some.data(), all.data() + first * tokens.out_stride, some.size() * sizeof(float)), 0)
              << size << " tokens from " << first << " on " << threads << " threads, " << name(isa);
        }
      }
    }
  }
}

TEST_P(Attention, OfWholeTextsWithBiasesAndFirstPositionsOfEachTokenMatchesThePlainVersion) {
  std::vector<std::pair<size_t, int32_t>> list;
  for (int32_t i = 0; i < 64; ++i) list.push_back({3, std::min(63, i + 9)});
  for (int32_t i = 0; i < 17; ++i) list.push_back({2, 16});
  const Tokens texts(cache, list);
  const size_t heads = cache.shape.heads, stride = 64;
  const std::vector<float> bias = random_floats(list.size() * heads * stride, 5);
  std::vector<int32_t> first;
  for (int32_t i = 0; i < 64; ++i) first.push_back(std::max(0, i - 9));
  first.resize(list.size(), 0);
  AttentionShape shape = cache.shape;
  shape.bias = bias.data(), shape.bias_stride = stride, shape.bias_token_stride = heads * stride;
  shape.first = first.data();
  const auto expected = texts.run(attention_plain, shape, 0, list.size());
  for (Isa isa : kIsas) {
    if (set_isa(isa) != isa) continue;
    const auto found = texts.run(attention, shape, 0, list.size());
    for (size_t i = 0; i < found.size(); ++i)
      ASSERT_NEAR(found[i], expected[i], 1e-5f * std::fabs(expected[i]) + 3e-6f) << "at " << i << " on " << name(isa);
    for (size_t t = 0; t < list.size(); ++t) {
      AttentionShape alone = shape;
      alone.bias += t * shape.bias_token_stride, alone.first += t;
      const auto one = texts.run(attention, alone, t, 1);
      ASSERT_EQ(std::memcmp(one.data(), found.data() + t * texts.out_stride, one.size() * sizeof(float)), 0) << t;
    }
  }
}

AttentionShape in_type(CacheType type, AttentionShape shape) {
  shape.cache = type;
  return shape;
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, Attention,
    testing::Values(Case{"Grouped", {9, 3, 64, 32, 0.125f}}, Case{"OnePerHead", {4, 4, 16, 16, 0.25f}},
                    Case{"OddHead", {4, 2, 37, 16, 0.2f}}, Case{"WideHeadOneKey", {4, 1, 256, 64, 0.06f}},
                    Case{"Window", {4, 2, 24, 16, 0.3f, 7}}, Case{"WideWindowAndCap", {6, 2, 48, 32, 1.0f, 40, 5.0f}},
                    Case{"PagesOfAnySize", {2, 1, 20, 7, 0.3f}}, Case{"ManyHeadsOneKey", {71, 1, 8, 16, 0.3f}},
                    Case{"Cap", {8, 4, 80, 128, 0.5f, 0, 30.0f}},
                    Case{"BF16Grouped", in_type(CacheType::BF16, {9, 3, 64, 32, 0.125f})},
                    Case{"BF16OddHeadWindow", in_type(CacheType::BF16, {4, 2, 37, 16, 0.2f, 7})},
                    Case{"Q8Grouped", in_type(CacheType::Q8, {9, 3, 64, 32, 0.125f})},
                    Case{"Q8OddHeadWindow", in_type(CacheType::Q8, {4, 2, 37, 16, 0.2f, 7})},
                    Case{"Q8ManyHeadsOneKey", in_type(CacheType::Q8, {71, 1, 8, 16, 0.3f})}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(AttentionByHand, AveragesTheValuesOfEqualKeys) {
  // Two keys alike, values (1, 0) and (3, 4): the mean. The third is not visible from position 1.
  const float keys[] = {1, 1, 1, 1, 50, 50}, values[] = {1, 0, 3, 4, 100, 100}, q[] = {2, 2};
  const std::byte *key_page = reinterpret_cast<const std::byte*>(keys),
                  *value_page = reinterpret_cast<const std::byte*>(values);
  const PagedSequence sequence{&key_page, &value_page};
  const int32_t position = 1;
  float out[2];
  attention({1, 1, 2, 3, 1.0f}, q, 2, &sequence, &position, 1, out, 2);
  EXPECT_FLOAT_EQ(out[0], 2.0f);
  EXPECT_FLOAT_EQ(out[1], 2.0f);
}

}  // namespace
}  // namespace limpid::kernels
