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
  const gate::FittedGate fitted = gate::fit_gate(toy.model, kLateLetters, toy_texts(), options);
  const Json& opens = fitted.report.at("kinds").at("context").at("opens_on");
  EXPECT_EQ(opens.at("everyday").get<double>(), 0.0);
  EXPECT_EQ(fitted.report.at("texts").at("everyday").at("count").get<int>(), 8);
  options.rows = 3;
  const gate::FittedGate again = gate::fit_gate(toy.model, kLateLetters, toy_texts(), options);
  EXPECT_TRUE(torch::equal(fitted.parts.weights, again.parts.weights));
  EXPECT_EQ(fitted.parts.rule.open, again.parts.rule.open);
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

}  // namespace
}  // namespace limpid
