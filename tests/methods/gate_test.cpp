#include <gtest/gtest.h>

#include "limpid/methods/destein/fit.h"
#include "limpid/methods/detox_stack.h"
#include "limpid/methods/gate/fit.h"
#include "limpid/methods/recipe/file.h"
#include "tests/methods/method_checks.h"
#include "tests/support/share_scorer.h"

namespace limpid {
namespace {

using namespace testing_support;

/// Late letters of the alphabet are toxic.
const ShareScorer kLateLetters([](char byte) { return byte > 'm'; }, 0.3);

struct Toy {
  Toy() : model(open_exact(write_toy_llama(folder.path() / "model", {}))) {
    std::vector<SteeringPair> pairs;
    for (int i = 0; i < 10; ++i) pairs.push_back({"storm " + std::to_string(i), "calm " + std::to_string(i * 7)});
    destein::fit_destein(*model, {.output = file("part"), .pairs = pairs});
  }
  fs::path file(const std::string& name) const { return folder.path() / (name + ".detox.safetensors"); }

  TempDir folder;
  std::shared_ptr<const Model> model;
};

gate::GateTexts toy_texts() {
  gate::GateTexts texts;
  for (int i = 0; i < 8; ++i) {
    texts.toxic.push_back("zzz yyy " + std::to_string(i));
    texts.ordinary.push_back("xyz abc " + std::to_string(i));
    texts.everyday.push_back("aaa bbb " + std::to_string(i));
  }
  return texts;
}

gate::FittedGate fixed_gate(const Model& model, double bias) {
  gate::FittedGate gate;
  gate.parts.weights = torch::zeros({model.config().hidden_size});
  gate.parts.bias = bias;
  return gate;
}

TEST(FitGate, LeavesEverydayAnswersAloneAndGivesTheSameGateWhateverIsDecodedTogether) {
  const Toy toy;
  gate::GateOptions options{.tokens = 6, .everyday_tokens = 8, .closed = 1.0};
  const gate::FittedGate fitted = gate::fit_gate(toy.model, {kLateLetters}, toy_texts(), options);
  const Json& opens = fitted.report.at("kinds").at("context").at("opens_on");
  EXPECT_EQ(opens.at("everyday").get<double>(), 0.0);
  EXPECT_EQ(fitted.report.at("texts").at("everyday").at("count").get<int>(), 8);
  options.rows = 3;
  const gate::FittedGate again = gate::fit_gate(toy.model, {kLateLetters}, toy_texts(), options);
  EXPECT_TRUE(torch::equal(fitted.parts.weights, again.parts.weights));
  EXPECT_EQ(fitted.parts.rule.open, again.parts.rule.open);
}

TEST(FitGate, AgreesWithSeveralSourcesAndSaysHowFarItsRisksCanBeTakenAtTheirWord) {
  const Toy toy;
  const ShareScorer early_letters([](char byte) { return byte < 'f'; }, 0.3);
  gate::GateOptions options{
      .calibrate = gate::Calibrate::Polar, .weigh_sources = true, .tokens = 6, .everyday_tokens = 8, .closed = 1.0};
  EXPECT_THROW(gate::fit_gate(toy.model, {}, toy_texts(), options), ConfigError);
  const gate::FittedGate fitted = gate::fit_gate(toy.model, {kLateLetters, early_letters}, toy_texts(), options);
  EXPECT_EQ(fitted.report.at("kinds").at("context").at("opens_on").at("everyday").get<double>(), 0.0);
  EXPECT_EQ(fitted.parts.weights.size(0), toy.model->config().hidden_size);
  const Json& probe = fitted.report.at("probe");
  EXPECT_EQ(probe.at("scalariser"), "quadratic");
  ASSERT_EQ(probe.at("sources").size(), 4u) << "prompts, two scorers, words";
  EXPECT_EQ(probe.at("sources").at(0).at("name"), "prompts");
  EXPECT_EQ(probe.at("sources").at(0).at("votes"), 24) << "those of ordinary prompts abstain";
  EXPECT_EQ(fitted.report.at("calibration").at("bins").size(), 10u);
  options.calibrate = gate::Calibrate::Logistic;
  EXPECT_NE(message_of([&] {
              gate::fit_gate(toy.model, {kLateLetters, early_letters}, toy_texts(), options);
            }).find("several are heard with polar"),
            std::string::npos);
}

TEST(GateFile, IsWornByTheDetoxifierThatItIsWrittenOntoAndSwitchedOffByAnOption) {
  const Toy toy;
  const auto part = DetoxifierFile::open(toy.file("part"));
  gate::write_gated(toy.file("gated"), fixed_gate(*toy.model, -50.0), *toy.model, part.get(), Json::object());
  gate::write_gated(toy.file("alone"), fixed_gate(*toy.model, -50.0), *toy.model, nullptr, Json::object());
  const Written plain = decode_plain(toy.model, kToyPrompt, 5)[0],
                acting = decode_with(toy.model, *open_detox(toy.file("part")), kToyPrompt, 5, {0.5f})[0];
  EXPECT_FALSE(torch::equal(plain.logits, acting.logits));
  const auto run = [&](const std::string& name, const std::string& options) {
    return decode_with(toy.model, *open_detox(toy.file(name), options), kToyPrompt, 5, {0.5f})[0].logits;
  };
  EXPECT_TRUE(torch::equal(run("gated", ""), plain.logits));
  EXPECT_TRUE(torch::equal(run("gated", "?gate=off"), acting.logits));
  EXPECT_TRUE(torch::equal(run("part", "?gate=" + toy.file("alone").string()), plain.logits));
  EXPECT_NE(message_of([&] { run("part", "?gate=" + toy.file("part").string()); }).find("holds no gate"),
            std::string::npos);
  EXPECT_NE(message_of([&] { open_detox(toy.file("alone")); }).find("\"gate\" is not known"), std::string::npos);
}

TEST(GateFile, MalformedOnesAreRefused) {
  const Toy toy;
  const auto part = DetoxifierFile::open(toy.file("part"));
  gate::write_gated(toy.file("gated"), fixed_gate(*toy.model, 1.0), *toy.model, part.get(), Json::object());
  const auto refuses = [&](auto damage, const std::string& says) {
    const auto good = DetoxifierFile::open(toy.file("gated"));
    DetoxifierInfo info = good->info();
    damage(info.gate);
    write_detoxifier(toy.file("broken"), info, good->tensors()->tensors());
    const std::string message = message_of([&] { open_detox(toy.file("broken")); });
    EXPECT_NE(message.find(says), std::string::npos) << message;
    EXPECT_NE(message.find("broken.detox.safetensors"), std::string::npos) << message;
  };
  refuses([](Json& gate) { gate.erase("open"); }, "\"open\" is missing");
  refuses([](Json& gate) { gate["open"] = -1.0; }, "thresholds");
  refuses([](Json& gate) { gate["hold"] = "long"; }, "hold");
}

TEST(Recipe, IsItsPartsAtTheirTunedStrengthsBehindOneDial) {
  const Toy toy;
  const auto part = DetoxifierFile::open(toy.file("part"));
  const gate::FittedGate open_gate = fixed_gate(*toy.model, 50.0), closed_gate = fixed_gate(*toy.model, -50.0);
  recipe::write_recipe(toy.file("recipe"), *toy.model, {{part, 0.4}}, nullptr, Json::object());
  recipe::write_recipe(toy.file("closed"), *toy.model, {{part, 0.4}}, &closed_gate, Json::object());
  const auto recipe = open_detox(toy.file("recipe"));
  const auto runs = decode_with(toy.model, *recipe, kToyPrompt, 5, {0.0f, 1.0f, 0.5f});
  const auto parts = decode_with(toy.model, *open_detox(toy.file("part")), kToyPrompt, 5, {0.4f, 0.2f});
  EXPECT_TRUE(torch::equal(runs[0].logits, decode_plain(toy.model, kToyPrompt, 5)[0].logits));
  EXPECT_TRUE(torch::equal(runs[1].logits, parts[0].logits));
  EXPECT_TRUE(torch::equal(runs[2].logits, parts[1].logits));
  EXPECT_TRUE(torch::equal(decode_with(toy.model, *open_detox(toy.file("closed")), kToyPrompt, 5, {1.0f})[0].logits,
                           runs[0].logits));
  EXPECT_TRUE(torch::equal(
      decode_with(toy.model, *open_detox(toy.file("closed"), "?gate=off"), kToyPrompt, 5, {1.0f})[0].logits,
      runs[1].logits));

  DetoxStack stack;
  stack.add(recipe, recipe->default_strength());
  EXPECT_EQ(stack.strengths(), std::vector<float>{0.4f});
  EXPECT_THROW(stack.add(recipe, -1.0f), ConfigError);
  EXPECT_THROW(stack.add(recipe, 2.5f), ConfigError);
}

/// Keeps what it is warned of.
class Listener final : public Watch {
 public:
  void warning(const std::string& message) override { warnings.push_back(message); }
  std::vector<std::string> warnings;
};

TEST(Recipe, WarnsOfStrengthsOutsideThoseThatWereMeasured) {
  const Toy toy;
  const auto part = DetoxifierFile::open(toy.file("part"));
  recipe::write_recipe(toy.file("old"), *toy.model, {{part, 0.4}}, nullptr, Json::object());
  recipe::write_recipe(toy.file("new"), *toy.model, {{part, 0.4}}, nullptr, Json::object(), Range{0.57, 1.15});
  Listener listener;
  const std::string file = toy.file("new").string();
  for (const char* fine : {"", ":0", ":0.57", ":1.15"}) open_detoxifiers({file + fine}, listener);
  open_detoxifiers({toy.file("old").string() + ":2"}, listener);
  EXPECT_TRUE(listener.warnings.empty());
  open_detoxifiers({file + ":1.8"}, listener);
  ASSERT_EQ(listener.warnings.size(), 1u);
  EXPECT_EQ(listener.warnings[0],
            file + ": strength 1.8 lies outside those that were measured when the file was made, 0.57 to 1.15");

  const auto good = DetoxifierFile::open(toy.file("new"));
  for (const Json& damage : {Json{1.0}, Json{2.0, 1.0}, Json("all"), Json{0.5, "two"}}) {
    DetoxifierInfo info = good->info();
    info.settings["measured"] = damage;
    write_detoxifier(toy.file("broken"), info, good->tensors()->tensors());
    EXPECT_NE(message_of([&] { open_detox(toy.file("broken")); }).find("settings.measured is"), std::string::npos);
  }
}

}  // namespace
}  // namespace limpid
