#include "limpid/methods/fusion/alignment.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/core/error.h"
#include "tests/support/golden.h"

namespace limpid {
namespace {

using namespace fusion;

using testing_support::for_each_tensor_fixture;
using testing_support::TensorFixture;

torch::Tensor random_matrix(int64_t rows, int64_t columns, uint64_t seed) {
  torch::manual_seed(seed);
  return torch::randn({rows, columns}, torch::kFloat64);
}

TEST(Ridge, FindsTheMapThatMadeThePairs) {
  const torch::Tensor C = random_matrix(200, 5, 1), A = random_matrix(5, 7, 2);
  EXPECT_TRUE(torch::allclose(ridge_map(C, C.matmul(A), 1e-9), A, 1e-6, 1e-6));
  EXPECT_NEAR(explained_variance(C, C.matmul(A), A), 1.0, 1e-12);
}

TEST(Ridge, ShrinksOneDimensionAsTheFormulaSays) {
  const torch::Tensor C = torch::tensor({{1.0}, {2.0}}), T = torch::tensor({{3.0}, {6.0}});  // c.c = 5, c.t = 15
  EXPECT_NEAR(ridge_map(C, T, 5.0).item<double>(), 1.5, 1e-12);
}

TEST(Ridge, WithoutPenaltyAndWithTooFewPairsItSaysSo) {
  EXPECT_THROW(ridge_map(random_matrix(3, 5, 1), random_matrix(3, 2, 2), 0.0), ConfigError);
  EXPECT_THROW(ridge_map(random_matrix(3, 5, 1), random_matrix(4, 2, 2), 1.0), ShapeError);
}

TEST(Procrustes, FindsTheRotationThatMadeThePairs) {
  const torch::Tensor C = random_matrix(50, 4, 1), A = random_orthogonal_map(4, 6, 9);
  EXPECT_TRUE(torch::allclose(procrustes_map(C, C.matmul(A)), A, 1e-9, 1e-9));
}

TEST(RandomMap, HasOrthonormalRowsOrColumnsAndIsTheSameForTheSameSeed) {
  const auto A = random_orthogonal_map(4, 6, 1), B = random_orthogonal_map(6, 4, 1);
  EXPECT_TRUE(torch::allclose(A.matmul(A.t()), torch::eye(4, torch::kFloat64), 1e-12, 1e-12));
  EXPECT_TRUE(torch::allclose(B.t().matmul(B), torch::eye(4, torch::kFloat64), 1e-12, 1e-12));
  EXPECT_TRUE(torch::equal(A, random_orthogonal_map(4, 6, 1)));
  EXPECT_FALSE(torch::allclose(A, random_orthogonal_map(4, 6, 2), 1e-2, 1e-2));
}

TEST(Nce, LossOfAHandMadePairIsTheLogarithmOfItsShare) {
  const torch::Tensor C = torch::tensor({{1.0, 0.0}}, torch::kFloat64),
                      T = torch::tensor({{2.0, 0.0}, {0.0, 3.0}}, torch::kFloat64);
  const torch::Tensor A = torch::eye(2, torch::kFloat64);
  const torch::Tensor batch = torch::tensor({int64_t(0)}), negatives = torch::tensor({{int64_t(1)}});
  // inner products 2 and 0; cosines 1 and 0, over 0.5
  const double expected = std::log1p(std::exp(-2.0));
  EXPECT_NEAR(nce_losses(C, T, A, batch, negatives, {false, 1.0}).item<double>(), expected, 1e-9);
  EXPECT_NEAR(nce_losses(C, T, A, batch, negatives, {true, 0.5}).item<double>(), expected, 1e-9);
}

TEST(Nce, TrainingRecoversWhichRowBelongsToWhich) {
  const torch::Tensor C = random_matrix(60, 8, 1), T = C.matmul(random_orthogonal_map(8, 8, 5));
  const torch::Tensor negatives = draw_negatives(60, 10, 1);
  const double before = retrieval_accuracy(C, T, identity_map(8, 8), negatives);
  const torch::Tensor batches = draw_batches(60, 20, 100, 1);
  const torch::Tensor chosen = negatives.index_select(0, batches.reshape({-1})).view({batches.size(0), 20, 10});
  const torch::Tensor A = train_nce(C, T, identity_map(8, 8), batches, chosen, {true, 0.1}, {.learning_rate = 0.02});
  EXPECT_LT(before, 0.5);
  EXPECT_GT(retrieval_accuracy(C, T, A, negatives), 0.95);
}

TEST(Negatives, AreNeverTheRowItself) {
  const torch::Tensor negatives = draw_negatives(3, 50, 7);
  for (int64_t row = 0; row < 3; ++row) {
    EXPECT_FALSE((negatives[row] == row).any().item<bool>());
    EXPECT_GE(negatives[row].min().item<int64_t>(), 0);
    EXPECT_LT(negatives[row].max().item<int64_t>(), 3);
  }
  EXPECT_THROW(draw_negatives(1, 10, 1), ConfigError);
}

TEST(Batches, VisitEveryRowOnceInAnEpoch) {
  const torch::Tensor batches = draw_batches(12, 4, 2, 1);
  ASSERT_EQ(batches.sizes(), torch::IntArrayRef({6, 4}));
  for (int64_t epoch = 0; epoch < 2; ++epoch) {
    const torch::Tensor sorted = std::get<0>(batches.narrow(0, 3 * epoch, 3).reshape({-1}).sort());
    EXPECT_TRUE(torch::equal(sorted, torch::arange(12)));
  }
  EXPECT_FALSE(torch::equal(batches.narrow(0, 0, 3), batches.narrow(0, 3, 3)));
}

TEST(Retrieval, CountsOnlyRowsThatBeatAllTheirNegatives) {
  const torch::Tensor T = torch::tensor({{1.0, 0.0}, {0.0, 1.0}, {1.0, 1.0}}),
                      C = torch::tensor({{5.0, 0.1}, {1.0, 0.9}, {2.0, 2.0}});
  const torch::Tensor negatives =
      torch::tensor({{int64_t(1), int64_t(2)}, {int64_t(0), int64_t(2)}, {int64_t(0), int64_t(1)}});
  EXPECT_NEAR(retrieval_accuracy(C, T, identity_map(2, 2), negatives), 2.0 / 3.0,
              1e-12);  // the second is nearer to (1, 1)
}

/// A vocabulary by hand; only what common_tokens asks for.
class ListTokenizer final : public Tokenizer {
 public:
  ListTokenizer(std::vector<std::string> tokens, std::vector<TokenId> special)
      : tokens_(std::move(tokens)),
        special_(std::move(special)) {}
  TokenIds encode(std::string_view, bool) const override { return {}; }
  std::string decode(std::span<const TokenId>, bool) const override { return {}; }
  size_t vocab_size() const override { return tokens_.size(); }
  std::string_view token_bytes(TokenId id) const override {
    return is_special(id) ? std::string_view() : tokens_[size_t(id)];
  }
  std::string_view token_text(TokenId id) const override { return tokens_[size_t(id)]; }
  bool is_special(TokenId id) const override {
    return std::find(special_.begin(), special_.end(), id) != special_.end();
  }
  std::optional<TokenId> find(std::string_view) const override { return {}; }
  std::optional<TokenId> bos() const override { return {}; }
  std::optional<TokenId> eos() const override { return {}; }
  std::optional<TokenId> pad() const override { return {}; }
  bool adds_bos() const override { return false; }
  std::string chat_template() const override { return {}; }

 private:
  std::vector<std::string> tokens_;
  std::vector<TokenId> special_;
};

TEST(CommonTokens, AreThoseWithTheSameBytesAndNoSpecialOnes) {
  const ListTokenizer calibrator({"<s>", " the", "a", "b", "a"}, {0}), target({"a", "</s>", " the", "<s>", "c"}, {1});
  const std::vector<std::pair<TokenId, TokenId>> expected = {{1, 2}, {2, 0}};
  EXPECT_EQ(common_tokens(calibrator, target), expected);
}

TEST(AlignmentLinearGolden, RidgeAndProcrustesAndTheirScoresReproduceTheFixture) {
  for_each_tensor_fixture("alignment_linear", [](const TensorFixture& fixture) {
    const torch::Tensor C = fixture.tensor("in.C"), T = fixture.tensor("in.T"),
                        negatives = fixture.tensor("in.negatives");
    const int64_t fit = int64_t(fixture.in("fit_rows")), rest = C.size(0) - fit;
    const torch::Tensor fit_C = C.narrow(0, 0, fit), fit_T = T.narrow(0, 0, fit), test_C = C.narrow(0, fit, rest),
                        test_T = T.narrow(0, fit, rest);
    const torch::Tensor ridge = ridge_map(fit_C, fit_T, fixture.in("ridge")), procrustes = procrustes_map(fit_C, fit_T);
    EXPECT_TRUE(fixture.matches(ridge, "out.ridge"));
    EXPECT_TRUE(fixture.matches(procrustes, "out.procrustes"));
    EXPECT_TRUE(fixture.matches(procrustes_map(fixture.tensor("in.square_C"), fixture.tensor("in.square_T")),
                                "out.square_procrustes"));
    EXPECT_TRUE(fixture.matches(explained_variance(test_C, test_T, ridge), "ridge_explained_variance"));
    EXPECT_TRUE(fixture.matches(explained_variance(test_C, test_T, procrustes), "procrustes_explained_variance"));
    EXPECT_TRUE(fixture.matches(retrieval_accuracy(test_C, test_T, ridge, negatives), "ridge_retrieval_accuracy"));
    EXPECT_TRUE(
        fixture.matches(retrieval_accuracy(test_C, test_T, procrustes, negatives), "procrustes_retrieval_accuracy"));
  });
}

TEST(AlignmentNceGolden, LossesAndGradientsReproduceTheFixture) {
  for_each_tensor_fixture("alignment_nce", [](const TensorFixture& fixture) {
    const struct {
      const char* name;
      const char* start;
      NceOptions options;
    } forms[] = {{"dot", "in.A0", {false, 1.0}}, {"cosine", "in.A0_cosine", {true, fixture.in("temperature")}}};
    for (const auto& form : forms) {
      SCOPED_TRACE(form.name);
      const std::string prefix = std::string("out.") + form.name;
      torch::Tensor A = fixture.tensor(form.start).to(torch::kFloat64).set_requires_grad(true);
      const torch::Tensor losses = nce_losses(fixture.tensor("in.calibrator_rows").to(torch::kFloat64),
                                              fixture.tensor("in.target_rows").to(torch::kFloat64), A,
                                              fixture.tensor("in.batch"), fixture.tensor("in.negatives"), form.options);
      losses.mean().backward();
      EXPECT_TRUE(fixture.matches(losses.detach(), prefix + "_losses"));
      EXPECT_TRUE(fixture.matches(A.grad(), prefix + "_gradient"));
      EXPECT_TRUE(fixture.matches(losses.mean().item<double>(), std::string(form.name) + "_loss"));
    }
  });
}

TEST(AlignmentAdamGolden, EveryStepReproducesTheFixture) {
  for_each_tensor_fixture("alignment_adam", [](const TensorFixture& fixture) {
    const Json& betas = fixture.in().at("betas");
    const AdamSettings adam{fixture.in("lr"), betas.at(0), betas.at(1), fixture.in("eps")};
    const struct {
      const char* name;
      NceOptions options;
    } forms[] = {{"dot", {false, 1.0}}, {"cosine", {true, fixture.in("temperature")}}};
    for (const auto& form : forms) {
      SCOPED_TRACE(form.name);
      const std::string prefix = std::string("out.") + form.name;
      std::vector<double> losses;
      int compared = 0;
      train_nce(fixture.tensor("in.calibrator_rows"), fixture.tensor("in.target_rows"),
                fixture.tensor(std::string("in.") + form.name + "_A0"), fixture.tensor("in.batches"),
                fixture.tensor("in.negatives"), form.options, adam,
                [&](int64_t step, double loss, const torch::Tensor& A) {
                  losses.push_back(loss);
                  const std::string name = prefix + "_A" + std::to_string(step);
                  if (!fixture.has(name)) return;
                  ++compared;
                  EXPECT_TRUE(fixture.matches(A, name));
                });
      EXPECT_GE(compared, 1);
      EXPECT_TRUE(fixture.matches(torch::tensor(losses), prefix + "_losses"));
    }
  });
}

}  // namespace
}  // namespace limpid
