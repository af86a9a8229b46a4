#include "limpid/methods/fusion/readout.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <limits>

#include "limpid/core/error.h"
#include "tests/support/golden.h"

namespace limpid {
namespace {

using namespace fusion;

using testing_support::for_each_tensor_fixture;
using testing_support::Skipped;
using testing_support::TensorFixture;
using Floats = std::vector<float>;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Floats mixed(Readout readout, bool aligned, float strength, Floats h, Floats c) {
  mix_state(readout, aligned, strength, h, c);
  return h;
}

void expect_near(const Floats& got, const Floats& expected, float tolerance = 1e-6f) {
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], tolerance) << "at " << i;
}

TEST(Readout, ConvexTakesTheShareOfEachState) {
  expect_near(mixed(Readout::Convex, true, 0.25f, {4, 0}, {0, 8}), {3, 2});
}

TEST(Readout, PublishedFormNormalisesOnlyWhatWentThroughAMap) {
  // (1, 3) has mean 2 and variance 1
  expect_near(mixed(Readout::LayerNorm, true, 1.0f, {9, 9}, {1, 3}), {-1, 1}, 1e-5f);
  expect_near(mixed(Readout::LayerNorm, false, 1.0f, {9, 9}, {1, 3}), {1, 3});
}

TEST(Readout, ScaleMatchedFormGivesTheCalibratorTheRmsOfTheTarget) {
  // |h| = 5, |c| = 1: c' = (0, 5)
  expect_near(mixed(Readout::Scale, true, 0.5f, {3, 4}, {0, 1}), {1.5f, 4.5f});
}

TEST(Readout, NormPreservingFormKeepsTheLengthOfTheState) {
  // c' = (0, 5), mean of both (2.5, 2.5), scaled back to length 5
  const float side = 5.0f / std::sqrt(2.0f);
  expect_near(mixed(Readout::Norm, false, 0.5f, {5, 0}, {0, 0.1f}), {side, side}, 1e-5f);
}

TEST(Readout, CalibratorStateOfLengthZeroHasNoDirection) {
  expect_near(mixed(Readout::Norm, false, 0.5f, {3, 4}, {0, 0}), {3, 4});
  expect_near(mixed(Readout::Scale, false, 0.5f, {3, 4}, {0, 0}), {1.5f, 2});
}

TEST(Readout, EqualStatesChangeNothingInEveryFormButTheMappedLayerNorm) {
  const Floats state = {0.3f, -1.2f, 2.5f, 0.7f};
  for (Readout readout : {Readout::Norm, Readout::Scale, Readout::Convex})
    for (float strength : {0.1f, 0.5f, 1.0f}) expect_near(mixed(readout, true, strength, state, state), state);
  expect_near(mixed(Readout::LayerNorm, false, 0.5f, state, state), state);
  EXPECT_GT(std::fabs(mixed(Readout::LayerNorm, true, 0.5f, state, state)[0] - state[0]), 0.01f);
}

TEST(Readout, ContrastAddsTheDifferenceOfTheTwoCalibrators) {
  Floats h = {1, 1};
  add_scaled(2.0f, h, Floats{2, -1});
  expect_near(h, {5, -1});
}

TEST(Readout, ProbabilitiesAreMixedGeometricallyAndSumToOne) {
  Floats z = {std::log(0.9f) + 7.0f, std::log(0.1f) + 7.0f};  // logits need not be normalised
  EXPECT_TRUE(mix_log_probabilities(0.5f, z, Floats{std::log(0.1f), std::log(0.9f)}));
  expect_near(z, {std::log(0.5f), std::log(0.5f)});
}

TEST(Readout, TokensExcludedByTheTargetStayExcludedInTheMixture) {
  Floats z = {0.0f, -kInfinity, 0.0f};
  EXPECT_TRUE(mix_log_probabilities(0.5f, z, Floats{1.0f, 1.0f, 1.0f}));
  EXPECT_EQ(z[1], -kInfinity);
  EXPECT_NEAR(z[0], std::log(0.5f), 1e-6f);
  Floats all = {0.0f, -kInfinity};
  EXPECT_TRUE(mix_log_probabilities(1.0f, all, Floats{0.0f, 0.0f}));  // at 1 only the calibrator speaks
  expect_near(all, {std::log(0.5f), std::log(0.5f)});
}

TEST(Readout, MixtureWithoutACommonTokenIsReportedAndLeavesTheLogitsAlone) {
  Floats z = {0.5f, -kInfinity};
  EXPECT_FALSE(mix_log_probabilities(0.5f, z, Floats{-kInfinity, 0.0f}));
  EXPECT_EQ(z, (Floats{0.5f, -kInfinity}));
}

TEST(Readout, TemperatureControlScalesLogitsAndKeepsExcludedTokensOut) {
  Floats z = {2.0f, -kInfinity};
  scale_logits(1.0f, z);
  EXPECT_EQ(z[0], 0.0f);
  EXPECT_EQ(z[1], -kInfinity);
}

TEST(Readout, SharesAreStrengthsFromZeroToOneAndTheContrastTakesAny) {
  EXPECT_EQ(strength_range(Readout::Norm).text(), "0 to 1");
  EXPECT_EQ(strength_range(Readout::Temperature).text(), "0 to 1");
  EXPECT_EQ(strength_range(Readout::Contrast).text(), "a finite number");
}

TEST(Readout, NamesGoThereAndBackAndUnknownOnesAreListed) {
  for (const char* text : {"norm", "layernorm", "scale", "convex", "contrast", "probability", "temperature"})
    EXPECT_STREQ(name(named<Readout>(text, "read-out")), text);
  try {
    named<Readout>("loud", "read-out");
    FAIL() << "accepted";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("norm, layernorm"), std::string::npos) << error.what();
  }
}

TEST(StateMap, RowsDoNotDependOnTheirNeighbours) {
  const StateMap map(torch::randn({48, 64}, torch::kFloat32));
  const torch::Tensor c = torch::randn({25, 48}), all = map.forward(c);
  for (int64_t r : {0, 7, 24}) EXPECT_TRUE(torch::equal(map.forward(c.narrow(0, r, 1))[0], all[r]));
  EXPECT_TRUE(torch::allclose(all, c.matmul(map.tensor()), 1e-5, 1e-5));
}

TEST(StateMap, RefusesStatesOfAnotherWidthAndNumbersThatAreNotFinite) {
  const StateMap map(torch::eye(4, 6));
  EXPECT_THROW(map.forward(torch::zeros({1, 6})), ShapeError);
  torch::Tensor bad = torch::eye(4, 6);
  bad[1][1] = kInfinity;
  EXPECT_THROW(StateMap{bad}, ShapeError);
}

/// W h' for every row of h.
torch::Tensor direct(Readout readout, const torch::Tensor& W, const torch::Tensor& h, const torch::Tensor& c,
                     const StateMap& map, float strength) {
  torch::Tensor state = h.clone(), mapped = map.forward(c).clone();
  for (int64_t r = 0; r < h.size(0); ++r) {
    std::span<float> row(state.mutable_data_ptr<float>() + r * h.size(1), size_t(h.size(1)));
    mix_state(readout, map.defined(), strength, row,
              {mapped.mutable_data_ptr<float>() + r * h.size(1), size_t(h.size(1))});
  }
  return state.to(torch::kFloat64).matmul(W.t().to(torch::kFloat64));
}

torch::Tensor folded(Readout readout, const torch::Tensor& W, const torch::Tensor& h, const torch::Tensor& c,
                     const StateMap& map, const Floats& strengths) {
  const FoldedReadout fold(readout, W, map);
  torch::Tensor z = h.matmul(W.t()).contiguous();
  const torch::Tensor rms = h.square().mean(1).sqrt().contiguous();
  fold.apply(z, c, strengths, {rms.const_data_ptr<float>(), size_t(rms.numel())});
  return z;
}

TEST(FoldedReadout, EqualsTheDirectFormWithAStrengthOfItsOwnInEveryRow) {
  torch::manual_seed(3);
  const torch::Tensor W = torch::randn({50, 16}), h = torch::randn({3, 16}) * 2, c = torch::randn({3, 12});
  const StateMap map(torch::randn({12, 16}));
  const Floats strengths = {0.1f, 0.5f, 1.0f};
  for (Readout readout : {Readout::Convex, Readout::LayerNorm, Readout::Scale}) {
    const torch::Tensor z = folded(readout, W, h, c, map, strengths);
    for (int64_t r = 0; r < 3; ++r)
      EXPECT_TRUE(
          torch::allclose(z[r].to(torch::kFloat64), direct(readout, W, h, c, map, strengths[size_t(r)])[r], 1e-4, 1e-4))
          << name(readout);
  }
}

TEST(FoldedReadout, FoldsTheContrastToo) {
  torch::manual_seed(4);
  const torch::Tensor W = torch::randn({50, 16}), h = torch::randn({1, 16}), safe = torch::randn({1, 12}),
                      other = torch::randn({1, 12});
  const StateMap map(torch::randn({12, 16}));
  const torch::Tensor z = folded(Readout::Contrast, W, h, safe - other, map, {1.5f});
  const torch::Tensor expected = (h + 1.5 * (safe - other).matmul(map.tensor())).matmul(W.t());
  EXPECT_TRUE(torch::allclose(z, expected, 1e-4, 1e-4));
}

TEST(FoldedReadout, RefusesFormsThatNeedTheTargetsState) {
  EXPECT_THROW(FoldedReadout(Readout::Norm, torch::eye(4), StateMap()), ConfigError);
  EXPECT_THROW(FoldedReadout(Readout::Probability, torch::eye(4), StateMap()), ConfigError);
}

TEST(FusionPlainGolden, DirectAndFoldedFormsReproduceTheFixture) {
  for_each_tensor_fixture("fusion_plain", [](const TensorFixture& fixture) {
    if (float(fixture.in("layer_norm_eps")) != kLayerNormEpsilon)
      throw Skipped(concat("its layer norm has epsilon ", fixture.in("layer_norm_eps"), ", which is ",
                           kLayerNormEpsilon, " in Limpid"));
    const torch::Tensor W = fixture.tensor("in.W"), h = fixture.tensor("in.h"), c = fixture.tensor("in.c"),
                        alphas = fixture.tensor("in.alphas");
    const StateMap map(fixture.tensor("in.A"));
    const struct {
      const char* name;
      Readout readout;
    } forms[] = {{"none", Readout::Convex}, {"layer_norm", Readout::LayerNorm}, {"rms", Readout::Scale}};
    for (const auto& form : forms) {
      SCOPED_TRACE(form.name);
      const std::string prefix = std::string("out.") + form.name;
      EXPECT_TRUE(fixture.matches(FoldedReadout(form.readout, W, map).matrix(), prefix + "_M"));
      const torch::Tensor expected = fixture.tensor(prefix + "_logits");
      for (int64_t i = 0; i < alphas.numel(); ++i) {
        const float a = alphas[i].item<float>();
        SCOPED_TRACE(testing::Message() << "a = " << a);
        EXPECT_TRUE(fixture.close(direct(form.readout, W, h, c, map, a), expected[i], prefix + "_logits"));
        const torch::Tensor fold = folded(form.readout, W, h, c, map, Floats(size_t(h.size(0)), a));
        EXPECT_TRUE(torch::allclose(fold, expected[i], 1e-4, 1e-4));
      }
    }
  });
}

TEST(FusionPlainGolden, FormWithoutAMapTheControlAndTheMixtureReproduceTheFixture) {
  for_each_tensor_fixture("fusion_plain", [](const TensorFixture& fixture) {
    const torch::Tensor W = fixture.tensor("in.W"), h = fixture.tensor("in.h"), c = fixture.tensor("in.c_same_width"),
                        alphas = fixture.tensor("in.alphas");
    const torch::Tensor wide_W = W.t().to(torch::kFloat64);
    const torch::Tensor z = h.to(torch::kFloat64).matmul(wide_W).to(torch::kFloat32).contiguous();
    const torch::Tensor z_calibrator = c.to(torch::kFloat64).matmul(wide_W).to(torch::kFloat32).contiguous();
    const size_t V = size_t(W.size(0));
    for (int64_t i = 0; i < alphas.numel(); ++i) {
      const float a = alphas[i].item<float>();
      SCOPED_TRACE(testing::Message() << "a = " << a);
      EXPECT_TRUE(fixture.close(direct(Readout::LayerNorm, W, h, c, StateMap(), a),
                                fixture.tensor("out.unaligned_logits")[i], "out.unaligned_logits"));
      torch::Tensor control = z.clone(), mixture = z.clone();
      for (int64_t r = 0; r < z.size(0); ++r) {
        scale_logits(a, {control.mutable_data_ptr<float>() + size_t(r) * V, V});
        EXPECT_TRUE(mix_log_probabilities(a, {mixture.mutable_data_ptr<float>() + size_t(r) * V, V},
                                          {z_calibrator.const_data_ptr<float>() + size_t(r) * V, V}));
      }
      EXPECT_TRUE(fixture.close(control, fixture.tensor("out.control_logits")[i], "out.control_logits"));
      EXPECT_TRUE(
          fixture.close(mixture, fixture.tensor("out.mixed_log_probabilities")[i], "out.mixed_log_probabilities"));
    }
  });
}

}  // namespace
}  // namespace limpid
