#include "limpid/decoding/judge.h"

#include "tests/support/fixtures.h"
#include "tests/support/tiny_model.h"

namespace limpid {
namespace {

using namespace testing_support;

/// [T, V] log-probabilities behind each token of a text.
Tensor log_probabilities(const Model& model, const TokenIds& ids) {
  nn::KvCache cache = model.make_cache();
  const nn::Sequence sequence{&cache, ids};
  nn::Pass pass({&sequence, 1});
  return torch::log_softmax(model.output_matrix(model.final_state(pass, Outputs::All)), -1);
}

TEST(Likelihoods, AreMinusTheLogProbabilitiesOfEachTokenAndNameTheBest) {
  const auto model = tiny_model();
  TokenIds ids;
  for (int i = 0; i < 100; ++i) ids.push_back(TokenId(i * 37 % 96));  // more rows than are scored at a time
  const TokenLikelihoods found = likelihoods(*model, ids);
  const Tensor log_p = log_probabilities(*model, ids);
  ASSERT_EQ(found.nll.size(), 99u);
  for (int64_t i = 0; i < 99; ++i) {
    EXPECT_NEAR(found.nll[size_t(i)], -log_p[i][ids[size_t(i) + 1]].item<double>(), 1e-4);
    EXPECT_EQ(found.best[size_t(i)], log_p[i].argmax().item<int64_t>());
  }
  EXPECT_TRUE(likelihoods(*model, TokenIds{5}).nll.empty());
  EXPECT_THROW(likelihoods(*model, TokenIds{5, 96}), ShapeError);
}

/// Makes the output of the first layer infinite.
struct Overflow final : ActivationHook {
  bool listens(Site site, int64_t layer) const override { return site == Site::LayerOutput && layer == 0; }
  void activations(Site, int64_t, const nn::Pass&, Tensor& x) override { x.mul_(1e38f).mul_(1e38f); }
};

TEST(ContinuationLikelihoods, ThatAreNoNumbersAreAnError) {
  Overflow overflow;
  EXPECT_THROW(continuation_likelihoods(*tiny_model(), TokenIds{3, 4}, std::vector<TokenIds>{{6, 7}}, &overflow),
               LikelihoodError);
}

TEST(ContinuationLikelihoods, AreThoseOfTheWholeTextsAndEmptyOnesHaveNone) {
  const auto model = tiny_model();
  const TokenIds prompt = {3, 4, 5};
  const std::vector<TokenIds> continuations = {{6, 7}, {}, {8}};
  const auto found = continuation_likelihoods(*model, prompt, continuations);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_TRUE(found[1].empty());
  for (size_t c : {0u, 2u}) {
    TokenIds whole = prompt;
    whole.insert(whole.end(), continuations[c].begin(), continuations[c].end());
    const std::vector<double> all = likelihoods(*model, whole).nll;
    for (size_t i = 0; i < continuations[c].size(); ++i) EXPECT_NEAR(found[c][i], all[i + 2], 1e-5);
  }
  EXPECT_THROW(continuation_likelihoods(*model, {}, continuations), ConfigError);
}

}  // namespace
}  // namespace limpid
