#include "limpid/decoding/model_sampling.h"

#include "limpid/core/error.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

/// What a Hugging Face folder with this generation_config.json asks for.
SamplingChoices asked_by(const std::string& generation_config) {
  TempDir dir;
  dir.write("generation_config.json", generation_config);
  ModelConfig config;
  config.source = (dir.path() / "config.json").string();
  return model_sampling(config);
}

std::string error_of(const std::string& generation_config) {
  try {
    asked_by(generation_config);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "no error";
}

TEST(ModelSampling, IsThatOfGenerationConfig) {
  EXPECT_EQ(asked_by(R"({"do_sample": true, "temperature": 0.6, "top_p": 0.9, "eos_token_id": [1, 2]})"),
            (SamplingChoices{.temperature = 0.6f, .top_p = 0.9f}));
  EXPECT_EQ(asked_by(R"({"top_k": 20, "min_p": 0.05, "typical_p": 0.9, "repetition_penalty": 1.1})"),
            (SamplingChoices{.top_k = 20, .min_p = 0.05f, .typical_p = 0.9f, .repetition_penalty = 1.1f}));
  EXPECT_EQ(asked_by(R"({"do_sample": false, "repetition_penalty": 1.2})"),
            (SamplingChoices{.greedy = true, .repetition_penalty = 1.2f}));
  EXPECT_EQ(asked_by(R"({"temperature": 0})"), (SamplingChoices{.greedy = true}));
}

TEST(ModelSampling, LeavesOpenWhatIsOffOrNotSaid) {
  EXPECT_EQ(asked_by("{}"), SamplingChoices());
  EXPECT_EQ(asked_by(R"({"do_sample": true, "temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": null,
                        "repetition_penalty": 1.0})"),
            SamplingChoices());
  EXPECT_EQ(asked_by(R"({"top_k": -1})"), SamplingChoices());
  TempDir dir;
  ModelConfig config;
  config.source = (dir.path() / "config.json").string();
  EXPECT_EQ(model_sampling(config), SamplingChoices());  // no such file
}

TEST(ModelSampling, NamesFileAndKeyOfWhatMakesNoSense) {
  const std::map<std::string, std::string> cases = {
      {R"({"temperature": "hot"})", "\"temperature\" is a string, expected a number"},
      {R"({"top_k": 1.5})", "\"top_k\" is a number, expected an integer"},
      {R"({"do_sample": 1})", "\"do_sample\" is a number, expected true or false"},
      {R"({"top_p": 7})", "top-p is 7, expected above 0"},
      {"[]", "found an array, expected an object"},
      {"{", "not valid JSON at byte 2"},
  };
  for (const auto& [file, expected] : cases) {
    const std::string message = error_of(file);
    EXPECT_NE(message.find(expected), std::string::npos) << message;
    EXPECT_NE(message.find("generation_config.json"), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(ModelSampling, IsThatOfGgufMetadata) {
  TempDir dir;
  ModelConfig config;
  config.from_gguf = true;
  config.source = (dir.path() / "model.gguf").string();
  write_gguf(config.source,
             {{"general.architecture", {std::string("llama")}},
              {"general.sampling.temp", {0.7}},
              {"general.sampling.top_k", {int64_t(20)}},
              {"general.sampling.top_p", {0.8}},
              {"general.sampling.min_p", {0.0}},
              {"general.sampling.penalty_repeat", {1.05}}},
             {});
  const SamplingChoices asked = model_sampling(config);
  EXPECT_EQ(asked, (SamplingChoices{.temperature = 0.7f, .top_k = 20, .top_p = 0.8f, .repetition_penalty = 1.05f}));
  EXPECT_EQ(describe(asked), "temperature 0.7, top-p 0.8, repetition penalty 1.05, top-k 20");
  write_gguf(config.source, {{"general.architecture", {std::string("llama")}}}, {});
  EXPECT_EQ(model_sampling(config), SamplingChoices());
}

TEST(LeftOpen, GivenSettingsWinEachByItself) {
  const SamplingChoices asked = {.temperature = 0.6f, .top_k = 20, .top_p = 0.9f};
  EXPECT_EQ(left_open({}, asked), asked);
  EXPECT_EQ(left_open({.top_p = 0.5f}, asked), (SamplingChoices{.temperature = 0.6f, .top_k = 20}));
  EXPECT_EQ(left_open({.temperature = 1.0f, .top_k = 0}, asked), (SamplingChoices{.top_p = 0.9f}));
}

TEST(LeftOpen, NothingIsLeftBesideAGreedyChoice) {
  const SamplingChoices asked = {.temperature = 0.6f, .repetition_penalty = 1.3f};
  EXPECT_EQ(left_open({.greedy = true}, asked), SamplingChoices());
  EXPECT_EQ(left_open({.temperature = 0.0f}, asked), SamplingChoices());
}

TEST(LeftOpen, AModelsGreedyChoiceYieldsToSettingsThatDrawTokens) {
  const SamplingChoices asked = {.greedy = true, .top_k = 20, .repetition_penalty = 1.1f};
  EXPECT_EQ(left_open({}, asked), (SamplingChoices{.greedy = true, .repetition_penalty = 1.1f}));
  EXPECT_EQ(left_open({.repetition_penalty = 1.0f}, asked), (SamplingChoices{.greedy = true}));
  EXPECT_EQ(left_open({.temperature = 0.8f}, asked), (SamplingChoices{.top_k = 20, .repetition_penalty = 1.1f}));
}

TEST(SamplingOptionsOf, TakeWhatIsGivenThenTheOthersThenWhatIsOff) {
  const SamplingOptions options = sampling_options({.top_p = 0.5f}, 7, {.temperature = 0.6f, .top_p = 0.9f});
  EXPECT_EQ(options.top_p, 0.5f);
  EXPECT_EQ(options.temperature, 0.6f);
  EXPECT_EQ(options.top_k, 0);
  EXPECT_EQ(options.min_p, 0.0f);
  EXPECT_EQ(options.repetition_penalty, 1.0f);
  EXPECT_EQ(options.seed, 7u);
  EXPECT_FALSE(options.is_greedy());
  EXPECT_TRUE(sampling_options({.greedy = true}, 0, {.temperature = 0.6f}).is_greedy());
}

}  // namespace
}  // namespace limpid
