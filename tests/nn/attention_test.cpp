#include "limpid/nn/attention.h"

#include <gtest/gtest.h>

#include <cmath>

#include "limpid/core/error.h"

namespace limpid::nn {
namespace {

struct Qkv {
  Tensor q, k, v;
  Qkv narrow(int64_t begin, int64_t count) const {
    return {q.narrow(0, begin, count), k.narrow(0, begin, count), v.narrow(0, begin, count)};
  }
};

Qkv random_qkv(const AttentionSpec& spec, int64_t T, uint64_t seed) {
  torch::manual_seed(seed);
  return {torch::randn({T, spec.heads * spec.head_dim}), torch::randn({T, spec.kv_heads * spec.head_dim}),
          torch::randn({T, spec.kv_heads * spec.head_dim})};
}

std::shared_ptr<KvPool> new_pool(const AttentionSpec& spec, CacheType type = CacheType::F32) {
  return std::make_shared<KvPool>(
      KvShape{.layers = 1, .kv_heads = size_t(spec.kv_heads), .head_dim = size_t(spec.head_dim), .type = type});
}

KvCache new_cache(const AttentionSpec& spec, CacheType type = CacheType::F32) { return KvCache(new_pool(spec, type)); }

/// Attention of the next tokens of one sequence.
Tensor attend(const AttentionSpec& spec, KvCache& cache, const Qkv& x, bool bidirectional = false) {
  const TokenIds tokens(size_t(x.q.size(0)), 0);
  const Sequence sequence{&cache, tokens};
  Pass pass(std::span(&sequence, 1), bidirectional);
  Tensor out = attention(spec, x.q, x.k, x.v, /*layer=*/0, pass);
  pass.commit();
  return out;
}

Tensor attend(const AttentionSpec& spec, const Qkv& x, bool bidirectional = false) {
  KvCache cache = new_cache(spec);
  return attend(spec, cache, x, bidirectional);
}

/// The definition, in double: token t sees the tokens [first, last] of its text.
Tensor attend_in_double(const AttentionSpec& spec, const Qkv& x, bool bidirectional = false) {
  const int64_t T = x.q.size(0), d = spec.head_dim;
  Tensor out = torch::empty({T, spec.heads * d}, torch::kFloat64);
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t h = 0; h < spec.heads; ++h) {
      const int64_t end = bidirectional ? T - 1 : t, last = spec.ahead ? std::min(end, t + spec.ahead) : end,
                    first = spec.window ? std::max<int64_t>(0, t - spec.window + 1) : 0;
      const int64_t shared = h * spec.kv_heads / spec.heads * d;
      const auto seen = [&](const Tensor& of) {
        return of.narrow(0, first, last - first + 1).narrow(1, shared, d).to(torch::kFloat64);
      };
      Tensor scores = seen(x.k).mv(x.q[t].narrow(0, h * d, d).to(torch::kFloat64)) * spec.scale;
      if (spec.softcap > 0) scores = spec.softcap * torch::tanh(scores / spec.softcap);
      if (spec.bias.dim() == 3) scores = scores + spec.bias[t][h].narrow(0, first, last - first + 1);
      out[t].narrow(0, h * d, d).copy_(torch::softmax(scores, 0).matmul(seen(x.v)));
    }
  }
  return out;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

/// Ungrouped, grouped and shared keys; windows shorter and longer than the text; lengths around a page of 32.
const std::vector<AttentionSpec> kSpecs = {
    {.heads = 4, .kv_heads = 4, .head_dim = 8, .scale = 0.35},
    {.heads = 4, .kv_heads = 2, .head_dim = 16, .scale = 0.25},
    {.heads = 6, .kv_heads = 1, .head_dim = 12, .scale = 0.3},
    {.heads = 4, .kv_heads = 2, .head_dim = 8, .scale = 0.35, .window = 1},
    {.heads = 4, .kv_heads = 2, .head_dim = 8, .scale = 0.35, .window = 7},
    {.heads = 2, .kv_heads = 2, .head_dim = 8, .scale = 0.35, .window = 50},
};
constexpr int64_t kLengths[] = {1, 2, 31, 32, 33, 70};

testing::Message describe(const AttentionSpec& spec, int64_t T) {
  return testing::Message() << spec.heads << " heads, " << spec.kv_heads << " for keys, window " << spec.window
                            << ", T = " << T;
}

TEST(Attention, EqualScoresGiveTheMeanOfWhatATokenSees) {
  const AttentionSpec all{.heads = 1, .kv_heads = 1, .head_dim = 1, .scale = 1.0};
  AttentionSpec two = all;
  two.window = 2;
  const Qkv x{torch::zeros({3, 1}), torch::zeros({3, 1}), torch::tensor({{1.0f}, {2.0f}, {6.0f}})};
  EXPECT_LT(largest_difference(attend(all, x), torch::tensor({{1.0f}, {1.5f}, {3.0f}})), 1e-6);
  EXPECT_LT(largest_difference(attend(two, x), torch::tensor({{1.0f}, {1.5f}, {4.0f}})), 1e-6);
  EXPECT_LT(largest_difference(attend(all, x, /*bidirectional=*/true), torch::tensor({{3.0f}, {3.0f}, {3.0f}})), 1e-6);
}

TEST(Attention, PagesAndDenseRowsFollowTheDefinitionAtEveryLength) {
  for (const AttentionSpec& spec : kSpecs) {
    for (int64_t T : kLengths) {
      SCOPED_TRACE(describe(spec, T));
      const Qkv first = random_qkv(spec, T, 1), second = random_qkv(spec, T, 2);
      const Tensor expected = torch::cat({attend_in_double(spec, first), attend_in_double(spec, second)});
      EXPECT_LT(largest_difference(torch::cat({attend(spec, first), attend(spec, second)}), expected), 1e-5);
      const Pass dense = Pass::dense(torch::zeros({2, T}, torch::kInt64));
      EXPECT_LT(largest_difference(attention(spec, torch::cat({first.q, second.q}), torch::cat({first.k, second.k}),
                                             torch::cat({first.v, second.v}), 0, dense),
                                   expected),
                1e-5);
    }
  }
}

TEST(Attention, SoftCappedAndBidirectionalScoresFollowTheDefinition) {
  AttentionSpec spec{.heads = 4, .kv_heads = 2, .head_dim = 8, .scale = 2.0, .softcap = 3.0};
  const Qkv x = random_qkv(spec, 40, 3);
  EXPECT_LT(largest_difference(attend(spec, x), attend_in_double(spec, x)), 1e-5);
  spec.softcap = 0.0;
  EXPECT_LT(largest_difference(attend(spec, x, true), attend_in_double(spec, x, true)), 1e-5);
}

TEST(Attention, AWindowWithAPartAheadSeesBothSidesOfAToken) {
  for (const int64_t window : {2, 5, 20}) {
    for (int64_t T : kLengths) {
      AttentionSpec spec = kSpecs[0];
      spec.window = window, spec.ahead = window - 1;
      const Qkv x = random_qkv(spec, T, 8);
      EXPECT_LT(largest_difference(attend(spec, x, true), attend_in_double(spec, x, true)), 1e-5) << describe(spec, T);
    }
  }
}

TEST(Attention, ABiasForEachTokenIsAddedToItsScores) {
  AttentionSpec spec = kSpecs[1];
  const Qkv x = random_qkv(spec, 40, 9);
  spec.bias = torch::randn({40, spec.heads, 48}, torch::kFloat32);
  EXPECT_LT(largest_difference(attend(spec, x, true), attend_in_double(spec, x, true)), 1e-5);
  spec.window = 4, spec.ahead = 3;
  EXPECT_LT(largest_difference(attend(spec, x, true), attend_in_double(spec, x, true)), 1e-5);
}

constexpr CacheType kTypes[] = {CacheType::F32, CacheType::BF16, CacheType::Q8};

TEST(Attention, ATextReadInPiecesHasTheBitsOfTheWholeWhateverTheCacheKeeps) {
  for (const AttentionSpec& spec : kSpecs) {
    for (CacheType type : kTypes) {
      SCOPED_TRACE(describe(spec, 70) << ", " << name(type));
      const Qkv x = random_qkv(spec, 70, 4);
      KvCache cache = new_cache(spec, type), at_once = new_cache(spec, type);
      std::vector<Tensor> pieces;
      for (int64_t count : {1, 30, 2, 37})
        pieces.push_back(attend(spec, cache, x.narrow(int64_t(cache.length()), count)));
      EXPECT_TRUE(torch::equal(torch::cat(pieces), attend(spec, at_once, x)));
    }
  }
}

TEST(Attention, ComputesWithWhatTheCacheKeepsOfKeysAndValues) {
  const auto kept = [](CacheType type, const Tensor& x) {
    Tensor rounded = x.clone().view({-1, 16});
    std::vector<std::byte> row(kernels::cache_row_bytes(type, 16));
    for (int64_t r = 0; r < rounded.size(0); ++r) {
      float* numbers = rounded[r].data_ptr<float>();
      kernels::write_cache_row(type, numbers, 16, row.data());
      kernels::read_cache_row(type, row.data(), 16, numbers);
    }
    return rounded.view(x.sizes());
  };
  const AttentionSpec spec = kSpecs[1];  // heads of 16
  const Qkv x = random_qkv(spec, 70, 8);
  const Tensor exact = attend(spec, x);
  for (const auto& [type, bound] : {std::pair(CacheType::BF16, 0.02), std::pair(CacheType::Q8, 0.03)}) {
    SCOPED_TRACE(name(type));
    KvCache cache = new_cache(spec, type);
    const Tensor found = attend(spec, cache, x);
    EXPECT_TRUE(torch::equal(found, attend(spec, {x.q, kept(type, x.k), kept(type, x.v)})));
    EXPECT_LT(largest_difference(found, exact), bound);
    EXPECT_GT(largest_difference(found, exact), 0);
  }
}

TEST(Attention, SequencesOfOnePassDoNotSeeOneAnotherWhateverTheCacheKeeps) {
  const AttentionSpec spec = kSpecs[1];
  const std::vector<int64_t> lengths = {5, 1, 40};
  const Qkv x = random_qkv(spec, 46, 5);
  for (CacheType type : kTypes) {
    SCOPED_TRACE(name(type));
    std::vector<KvCache> caches(lengths.size(), new_cache(spec, type));
    std::vector<TokenIds> tokens;
    for (int64_t length : lengths) tokens.emplace_back(size_t(length), 0);
    std::vector<Sequence> sequences;
    for (size_t s = 0; s < lengths.size(); ++s) sequences.push_back({&caches[s], tokens[s]});
    const Pass pass(sequences);
    const Tensor together = attention(spec, x.q, x.k, x.v, 0, pass);
    for (size_t s = 0; s < lengths.size(); ++s) {
      KvCache alone = new_cache(spec, type);
      EXPECT_TRUE(torch::equal(together.narrow(0, pass.offset[s], lengths[s]),
                               attend(spec, alone, x.narrow(pass.offset[s], lengths[s]))));
    }
  }
}

TEST(Attention, RowsMayBeSlicesOfAWiderTensor) {
  const AttentionSpec spec = kSpecs[0];
  const Qkv x = random_qkv(spec, 9, 6);
  const Tensor fused = torch::cat({x.q, x.k, x.v}, 1);
  EXPECT_TRUE(torch::equal(attend(spec, {fused.narrow(1, 0, 32), fused.narrow(1, 32, 32), fused.narrow(1, 64, 32)}),
                           attend(spec, x)));
}

TEST(Attention, ComputesTheSameInTrainingWithCapsWindowsAndBiases) {
  for (const double cap : {0.0, 0.5}) {
    for (const int64_t window : {0, 3}) {
      AttentionSpec spec = kSpecs[0];
      spec.softcap = cap;
      spec.window = window;
      spec.bias = torch::randn({spec.heads, 16}, torch::kFloat32);
      const Qkv x = random_qkv(spec, 6, 7);
      const Tensor dense = attention(spec, x.q, x.k, x.v, 0, Pass::dense(torch::zeros({1, 6}, torch::kInt64)));
      EXPECT_TRUE(torch::allclose(dense, attend(spec, x), 1e-4, 1e-5)) << cap << ", " << window;
    }
  }
}

}  // namespace
}  // namespace limpid::nn
