#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/methods/destein/fit.h"
#include "tests/methods/decode.h"
#include "tests/support/golden_model.h"

/// golden/methods/destein_*: the fusion rules on given states, directions, probes, and steered models.
namespace limpid {
namespace {

using namespace destein;

using testing_support::decode;
using testing_support::for_each_tensor_fixture;
using testing_support::greedy_request;
using testing_support::one_session;
using testing_support::open_golden;
using testing_support::Skipped;
using testing_support::TensorFixture;
using testing_support::token_ids;

/// One layer's parts for the kernels: unit directions of each head.
struct Layer {
  torch::Tensor unit, weight, length;
  kernels::SteeringHeads heads;

  Layer(const torch::Tensor& z, torch::Tensor weights)
      : weight(weights.contiguous()),
        length(torch::ones_like(weight)) {
    const int64_t H = weight.numel();
    const torch::Tensor slices = z.to(torch::kFloat64).view({H, -1});
    unit = (slices / slices.norm(2, -1, true)).to(torch::kFloat32).view({-1}).contiguous();
    heads = {size_t(H),
             size_t(z.numel() / H),
             unit.const_data_ptr<float>(),
             weight.const_data_ptr<float>(),
             length.const_data_ptr<float>(),
             nullptr};
  }

  torch::Tensor steer(SteeringRule rule, const torch::Tensor& x, float strength, bool plain) const {
    torch::Tensor out = x.clone();
    std::vector<float*> rows;
    for (int64_t t = 0; t < out.size(0); ++t) rows.push_back(out.mutable_data_ptr<float>() + t * out.size(1));
    if (plain)
      for (float* row : rows) kernels::steer_plain(rule, heads, row, strength);
    else
      kernels::steer(rule, heads, rows, std::vector<float>(rows.size(), strength));
    return out;
  }
};

TEST(DesteinGolden, EveryRuleGivesTheExpectedStatesFastAndPlain) {
  for_each_tensor_fixture("destein_layer", [](const TensorFixture& fixture) {
    const torch::Tensor x = fixture.tensor("in.x"), z = fixture.tensor("in.z"), weights = fixture.tensor("in.weights"),
                        alphas = fixture.tensor("in.alphas");
    const Layer weighted(z, weights), unweighted(z, torch::ones_like(weights));
    for (int64_t i = 0; i < alphas.numel(); ++i) {
      const float alpha = alphas[i].item<float>();
      for (bool plain : {false, true}) {
        SCOPED_TRACE(concat("alpha ", alpha, plain ? ", plain" : ", fast"));
        const auto expect = [&](const Layer& layer, SteeringRule rule, const char* name) {
          EXPECT_TRUE(fixture.close(layer.steer(rule, x, alpha, plain), fixture.tensor(name)[i], name)) << name;
        };
        expect(weighted, SteeringRule::AsReleased, "out.as_released");
        expect(weighted, SteeringRule::Preserve, "out.corrected");
        expect(weighted, SteeringRule::Linear, "out.linear");
        expect(unweighted, SteeringRule::Preserve, "out.corrected_unweighted");
      }
    }
  });
}

TEST(DesteinGolden, DirectionsAreThoseOfTheReference) {
  for_each_tensor_fixture("destein_directions", [](const TensorFixture& fixture) {
    const int64_t window = int64_t(fixture.in("window"));
    const torch::Tensor toxic =
        last_positions_mean(fixture.tensor("in.toxic"), fixture.tensor("in.toxic_lengths"), window);
    const torch::Tensor neutral =
        last_positions_mean(fixture.tensor("in.nontoxic"), fixture.tensor("in.nontoxic_lengths"), window);
    EXPECT_TRUE(fixture.matches(toxic, "out.toxic_means"));
    EXPECT_TRUE(fixture.matches(neutral, "out.nontoxic_means"));
    EXPECT_TRUE(fixture.matches(mean_directions(toxic, neutral), "out.mean"));
    EXPECT_TRUE(fixture.matches(mean_directions(toxic, neutral) * toxic.size(1), "out.sum"));
    EXPECT_TRUE(fixture.matches(pca_directions(toxic, neutral), "out.pca"));
    EXPECT_TRUE(fixture.matches(pca_directions(toxic, neutral, /*centred=*/true), "out.pca_centred"));
    EXPECT_TRUE(torch::equal(mean_directions(neutral, toxic), -mean_directions(toxic, neutral)));
  });
}

TEST(DesteinGolden, ProbesAndHeadWeightsAreThoseOfTheReference) {
  for_each_tensor_fixture("destein_probes", [](const TensorFixture& fixture) {
    const torch::Tensor toxic = fixture.tensor("in.toxic"), neutral = fixture.tensor("in.nontoxic");
    const ProbeOptions options{int64_t(fixture.in("heads")), fixture.in("C"), int64_t(fixture.in("folds"))};
    const Probes released = released_probes(toxic, neutral, int64_t(fixture.in("train_pairs")), options);
    EXPECT_TRUE(fixture.matches(released.weights, "out.released_weights"));
    EXPECT_TRUE(fixture.matches(released.intercepts, "out.released_intercepts"));
    EXPECT_TRUE(fixture.matches(released.accuracy, "out.released_accuracy"));
    const Probes probes = cross_validated_probes(toxic, neutral, options);
    EXPECT_TRUE(fixture.matches(probes.accuracy, "out.accuracy"));
    EXPECT_TRUE(fixture.matches(head_weights(probes.accuracy), "out.head_weights"));
  });
}

/// The runs of a steered model, in the order of the fixture's first dimension.
constexpr struct {
  SteeringRule rule;
  Tap tap;
  Positions positions;
} kRuns[] = {{SteeringRule::AsReleased, Tap::Projection, Positions::All},
             {SteeringRule::Preserve, Tap::Projection, Positions::All},
             {SteeringRule::Preserve, Tap::Heads, Positions::Generated},
             {SteeringRule::Linear, Tap::Heads, Positions::All}};

/// A fixture's model and the directions of its pairs.
struct Steered {
  const TensorFixture& fixture;
  std::shared_ptr<const Model> model = open_golden(fixture.model("model"));

  torch::Tensor directions(Tap tap) const {
    const torch::Tensor pairs = fixture.tensor("in.pairs"), lengths = fixture.tensor("in.lengths");
    std::vector<PooledText> texts;
    for (int64_t side : {0, 1})
      for (int64_t n = 0; n < pairs.size(0); ++n)
        texts.push_back(PooledText::last(token_ids(pairs[n][side], lengths[n][side]), int64_t(fixture.in("window"))));
    const torch::Tensor means = mean_activations(*model, site_of(tap), texts);
    return mean_directions(means.narrow(1, 0, pairs.size(0)), means.narrow(1, pairs.size(0), pairs.size(0)));
  }

  void expect_run(int64_t run) const {
    const auto& how = kRuns[run];
    SteeringParts parts;
    parts.tap = how.tap;
    parts.rule = how.rule;
    parts.positions = how.positions;
    parts.directions = directions(how.tap);
    parts.weights = fixture.tensor("in.weights");
    const auto open = [&] { return one_session(std::make_unique<SteeringSession>(*model, parts)); };
    const TokenIds prompt = token_ids(fixture.tensor("in.prompt")), ids = token_ids(fixture.tensor("out.ids")[run]);
    const float alpha = float(fixture.in("alpha"));
    // A plain row beside it and another strength must not matter.
    const auto written = decode(model, open(),
                                {greedy_request(0, prompt, int64_t(ids.size()), {alpha}),
                                 greedy_request(1, prompt, 3, {0.0f}), greedy_request(2, prompt, 5, {0.1f})});
    EXPECT_EQ(written[0].ids, ids);
    EXPECT_TRUE(fixture.close(written[0].logits, fixture.tensor("out.logits")[run], "out.logits"));
    // Logits at a position of the prompt are those of the prompt cut there, where all positions are steered alike.
    if (how.positions != Positions::All) return;
    for (size_t t = 1; t <= prompt.size(); ++t) {
      const TokenIds part(prompt.begin(), prompt.begin() + long(t));
      const auto first = decode(model, open(), {greedy_request(0, part, 1, {alpha})});
      EXPECT_TRUE(fixture.close(first[0].logits[0], fixture.tensor("out.prompt_logits")[run][int64_t(t) - 1],
                                "out.prompt_logits"))
          << "position " << t - 1;
    }
  }
};

TEST(DesteinGolden, SteeredModelsHaveTheReferencesDirectionsAndWriteItsText) {
  for_each_tensor_fixture("destein_generate", [](const TensorFixture& fixture) {
    const Steered steered{fixture};
    const int64_t pairs = fixture.shape("in.pairs")[0], runs = fixture.shape("out.ids")[0];
    EXPECT_TRUE(fixture.matches(steered.directions(Tap::Projection) * pairs, "out.z_after_projection"));
    EXPECT_TRUE(fixture.matches(steered.directions(Tap::Heads) * pairs, "out.z_before_projection"));
    if (runs > std::ssize(kRuns)) throw Skipped(concat("it has ", runs, " runs, more than are known"));
    for (int64_t run = 0; run < runs; ++run) {
      SCOPED_TRACE(concat("run ", run));
      steered.expect_run(run);
    }
  });
}

}  // namespace
}  // namespace limpid
