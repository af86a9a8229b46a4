#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/data/pairs.h"
#include "limpid/methods/destein/fit.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/registry.h"
#include "tests/methods/decode.h"
#include "tests/methods/toy_models.h"

/// DeStein end to end on toy models: pairs to file to steered text.
namespace limpid {
namespace {

using namespace destein;

using testing_support::decode;
using testing_support::decode_plain;
using testing_support::decode_with;
using testing_support::greedy_request;
using testing_support::one_session;
using testing_support::open_exact;
using testing_support::TempDir;
using testing_support::ToySize;
using testing_support::Written;

const TokenIds kPrompt = {20, 31, 5, 77, 102, 9, 14};

std::vector<SteeringPair> toy_pairs(size_t count) {
  const char* words[] = {"sand", "hand", "inland", "thing", "other", "stone", "water", "b\xc3\xa4r"};
  RandomStream random(3);
  std::vector<SteeringPair> pairs;
  for (size_t i = 0; i < count; ++i) {
    std::string text;
    for (int w = 0; w < 5; ++w) text += std::string(w ? " " : "") + words[random.next_below(8)];
    pairs.push_back({text + " !!", text + " ok"});
  }
  return pairs;
}

class Destein : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const ToySize size{.width = 32, .layers = 3, .heads = 2, .inner = 64, .seed = 5};
    if (std::string(GetParam()) == "gpt2")
      testing_support::write_toy_gpt2(at("model"), size);
    else
      testing_support::write_toy_llama(at("model"), size);
    model_ = open_exact(at("model"));
  }
  fs::path at(const std::string& name) const { return folder_.path() / name; }
  SteeringFit fit() const {
    SteeringFit result;
    result.output = at("s.detox.safetensors");
    result.pairs = toy_pairs(20);
    result.first_layer = 0;
    return result;
  }
  std::shared_ptr<Detoxifier> open(const std::string& options = "") const {
    return open_detoxifier(DetoxSpec::parse(at("s.detox.safetensors").string() + options));
  }
  std::vector<Written> run(const std::string& options, const std::vector<float>& strengths) const {
    return decode_with(model_, *open(options), kPrompt, 6, strengths);
  }
  static bool same_bits(const Written& a, const Written& b) {
    return a.ids == b.ids && torch::equal(a.logits, b.logits);
  }

  TempDir folder_;
  std::shared_ptr<const Model> model_;
};

TEST_P(Destein, StrengthZeroIsThePlainModelToTheBitAtEveryTap) {
  const Written plain = decode_plain(model_, kPrompt, 6)[0];
  for (Tap tap : {Tap::Heads, Tap::Projection, Tap::Layer}) {
    SteeringFit one = fit();
    one.tap = tap;
    fit_destein(*model_, one);
    const auto runs = run("", {0.0f, 0.5f});
    EXPECT_TRUE(same_bits(runs[0], plain)) << name(tap);
    EXPECT_GT((runs[1].logits[0] - plain.logits[0]).abs().max().item<double>(), 1e-3) << name(tap);
  }
}

TEST_P(Destein, ARowAloneIsTheSameAmongOthersOfOtherStrengths) {
  fit_destein(*model_, fit());
  for (const char* options :
       {"", "?rule=linear", "?rule=constant", "?rule=as_released", "?positions=all", "?gate=middle"}) {
    const auto together = run(options, {0.1f, 0.0f, 0.4f, 0.25f});
    const auto alone = run(options, {0.4f});
    EXPECT_TRUE(same_bits(together[2], alone[0])) << options;
  }
}

TEST_P(Destein, PositionsSayWhichStatesAreSteered) {
  fit_destein(*model_, fit());
  const Written plain = decode_plain(model_, kPrompt, 6)[0];
  const Written generated = run("?positions=generated", {0.5f})[0], last = run("?positions=last", {0.5f})[0],
                all = run("?positions=all", {0.5f})[0];
  EXPECT_TRUE(torch::equal(generated.logits[0], plain.logits[0]));  // the first new token is unsteered
  EXPECT_FALSE(torch::equal(last.logits[0], plain.logits[0]));
  EXPECT_FALSE(torch::equal(all.logits[0], last.logits[0]));
}

TEST_P(Destein, LayersOutsideTheRangeAreLeftAlone) {
  fit_destein(*model_, fit());
  const Written whole = run("?layers=0-2", {0.5f})[0], open_end = run("?layers=0-", {0.5f})[0],
                one = run("?layers=1", {0.5f})[0];
  EXPECT_TRUE(same_bits(whole, open_end));
  EXPECT_TRUE(same_bits(whole, run("", {0.5f})[0]));
  EXPECT_FALSE(torch::equal(whole.logits[0], one.logits[0]));
}

TEST_P(Destein, ScalingADirectionChangesNothing) {
  const auto texts = framed_texts(*model_->tokenizer(), toy_pairs(10), {});
  const torch::Tensor means = mean_activations(*model_, Site::AttentionOutput, texts);
  SteeringParts parts;
  parts.directions = mean_directions(means.narrow(1, 0, 10), means.narrow(1, 10, 10));
  parts.weights = torch::ones({3, 2});
  SteeringParts scaled = parts;
  scaled.directions = parts.directions * 64.0;
  const auto written = [&](const SteeringParts& p) {
    return decode(model_, one_session(std::make_unique<SteeringSession>(*model_, p)),
                  {greedy_request(0, kPrompt, 6, {0.4f})})[0];
  };
  EXPECT_TRUE(same_bits(written(parts), written(scaled)));
}

TEST_P(Destein, SwappingTheTextsOfThePairsTurnsTheDirectionsAround) {
  PairFraming framing;
  framing.prefixes = false;
  auto pairs = toy_pairs(8), swapped = pairs;
  for (SteeringPair& pair : swapped) std::swap(pair.toxic, pair.neutral);
  const auto directions = [&](const std::vector<SteeringPair>& some) {
    const torch::Tensor means =
        mean_activations(*model_, Site::HeadOutputs, framed_texts(*model_->tokenizer(), some, framing));
    return mean_directions(means.narrow(1, 0, 8), means.narrow(1, 8, 8));
  };
  EXPECT_TRUE(torch::allclose(directions(pairs), -directions(swapped), 1e-6, 1e-7));
}

TEST_P(Destein, ProbesTellThePairsApartAndAreInTheFile) {
  const Json settings = fit_destein(*model_, fit());
  EXPECT_GT(settings.at("probes").at("best_accuracy").get<double>(), 0.9);
  const auto file = DetoxifierFile::open(at("s.detox.safetensors"));
  EXPECT_EQ(file->tensors()->at("accuracy").shape, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(file->tensors()->at("directions").shape, (std::vector<int64_t>{3, 32}));
}

TEST_P(Destein, AModelItWasNotMadeForIsRefused) {
  fit_destein(*model_, fit());
  testing_support::write_toy_llama(at("other"), {.width = 32, .layers = 2, .heads = 2, .inner = 64});
  EXPECT_THROW(open()->open(*open_exact(at("other"))), MismatchError);
}

TEST_P(Destein, BadOptionsAndFilesGetOneLineThatSaysWhatIsExpected) {
  fit_destein(*model_, fit());
  const auto message = [&](const std::string& options) -> std::string {
    try {
      open(options)->open(*model_);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message("?rule=push").find("expected preserve, linear, constant or as_released"), std::string::npos);
  EXPECT_NE(message("?layers=x").find("expected FIRST-LAST"), std::string::npos);
  EXPECT_NE(message("?layers=2-9").find("layers are 0 to 2"), std::string::npos);
  EXPECT_NE(message("?colour=red").find("there are rule, positions, layers"), std::string::npos);
  EXPECT_NE(message("?gate=open").find("expected none, middle or neutral"), std::string::npos);
  SteeringFit few = fit();
  few.pairs.resize(3);
  EXPECT_THROW(fit_destein(*model_, few), ConfigError);
}

INSTANTIATE_TEST_SUITE_P(Families, Destein, testing::Values("llama", "gpt2"),
                         [](const auto& info) { return std::string(info.param); });

TEST(SteeringPairs, AreTrimmedAndIncompleteRowsPassedOver) {
  const TempDir folder;
  const fs::path file = folder.path() / "pairs.jsonl";
  write_file(file,
             "{\"toxic\":\" a b. "
             "\",\"neutral\":\"c.\"}\n{\"toxic\":\"x\",\"neutral\":null}\n{\"toxic\":\"d\",\"neutral\":\" e\"}\n");
  const auto pairs = read_pairs({{file.string()}, {}, {}});
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[0].toxic, "a b");
  EXPECT_EQ(pairs[0].neutral, "c");
  EXPECT_EQ(pairs[1].neutral, "e");
}

TEST(SteeringPairs, OtherColumnsHaveNamesAndMissingOnesAreNamed) {
  const TempDir folder;
  const fs::path file = folder.path() / "pairs.jsonl";
  write_file(file, "{\"bad\":\"a\",\"good\":\"b\"}\n");
  EXPECT_EQ(read_pairs({{file.string()}, {}, {"toxic=bad", "neutral=good"}})[0].neutral, "b");
  try {
    read_pairs({{file.string()}, {}, {"toxic=bad"}});
    FAIL() << "a missing column was not noticed";
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("pairs.jsonl:1: \"neutral\" is missing"), std::string::npos)
        << error.what();
  }
}

TEST(SteeringPairs, TheSameSeedDrawsTheSamePairs) {
  const auto all = toy_pairs(30);
  const auto a = draw_pairs(all, 10, 7), b = draw_pairs(all, 10, 7), c = draw_pairs(all, 10, 8);
  ASSERT_EQ(a.size(), 10u);
  bool same = true, other = true;
  for (size_t i = 0; i < 10; ++i) same = same && a[i].toxic == b[i].toxic, other = other && a[i].toxic == c[i].toxic;
  EXPECT_TRUE(same);
  EXPECT_FALSE(other);
}

TEST(SteeringPairs, WithoutAWindowTheTextIsAveragedAndNotItsPrefix) {
  const TempDir folder;
  testing_support::write_toy_llama(folder.path() / "model", {});
  const auto model = open_exact(folder.path() / "model");
  PairFraming framing;
  framing.window = 0;
  const auto texts = framed_texts(*model->tokenizer(), {{"abc", "defg"}}, framing);
  ASSERT_EQ(texts.size(), 2u);
  EXPECT_EQ(int64_t(texts[0].ids.size()) - texts[0].first, 3);  // one token a byte
  EXPECT_EQ(int64_t(texts[1].ids.size()) - texts[1].first, 4);
}

}  // namespace
}  // namespace limpid
