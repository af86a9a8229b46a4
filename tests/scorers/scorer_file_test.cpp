#include "limpid/scorers/scorer_file.h"

#include <gtest/gtest.h>

#include <cmath>

#include "limpid/checkpoints/safetensors.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

ScorerFile small_file() {
  ScorerFile file;
  file.encoder_name = "tiny";
  file.encoder_sha256 = "aa";
  file.vocab_sha256 = "bb";
  file.features = {{1, 2}, 16};
  file.weights = {1.0f, -2.0f, 0.5f};
  file.bias = 0.25f;
  file.threshold = 0.4;
  file.provenance = {{"rows", 7}};
  file.licence = "CC0 rows only";
  return file;
}

TEST(ScorerFile, ScoresWithASigmoidOfTheWeightedSum) {
  const ScorerFile file = small_file();
  const float x[] = {1.0f, 0.5f, 0.5f};  // 1 - 1 + 0.25 + 0.25 = 0.5
  EXPECT_NEAR(file.score(x), 1.0 / (1.0 + std::exp(-0.5)), 1e-12);
}

TEST(ScorerFile, ScoresThroughAHiddenLayerWithRelu) {
  ScorerFile file = small_file();
  file.hidden_weight = {1, 0, 0, 1};  // 2 x 2, the identity
  file.hidden_bias = {0.0f, -1.0f};
  file.weights = {2.0f, 3.0f};
  const float x[] = {1.0f, 0.5f};  // relu gives 1 and 0; 2 + 0.25
  EXPECT_NEAR(file.score(x), 1.0 / (1.0 + std::exp(-2.25)), 1e-12);
}

TEST(ScorerFile, ComesBackAsItWasWritten) {
  const TempDir dir;
  const ScorerFile file = small_file();
  file.write(dir.path() / "s.safetensors");
  const ScorerFile back = ScorerFile::read(dir.path() / "s.safetensors");
  EXPECT_EQ(back.encoder_name, "tiny");
  EXPECT_EQ(back.encoder_sha256, "aa");
  EXPECT_EQ(back.features.stages, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(back.features.max_length, 16);
  EXPECT_EQ(back.weights, file.weights);
  EXPECT_EQ(back.bias, 0.25f);
  EXPECT_EQ(back.threshold, 0.4);
  EXPECT_EQ(back.provenance, file.provenance);
  EXPECT_EQ(back.licence, "CC0 rows only");
}

/// Every way of spoiling a file gives one line that names the file.
TEST(ScorerFile, RefusesMalformedFilesWithOneLine) {
  const TempDir dir;
  const fs::path path = dir.path() / "s.safetensors";
  const auto write = [&](const Json& meta, std::vector<float> weights, std::vector<float> bias) {
    write_safetensors(path,
                      {{"weights", DType::F32, {int64_t(weights.size())}, std::as_bytes(std::span(weights))},
                       {"bias", DType::F32, {int64_t(bias.size())}, std::as_bytes(std::span(bias))}},
                      meta.is_null() ? std::map<std::string, std::string>{}
                                     : std::map<std::string, std::string>{{"limpid", meta.dump()}});
  };
  small_file().write(path);
  const Json good = Json::parse(SafetensorsFile::open(path)->metadata().at("limpid"));
  const auto refused = [&](const char* what) {
    SCOPED_TRACE(what);
    try {
      ScorerFile::read(path);
      ADD_FAILURE() << "was read";
    } catch (const Error& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find("s.safetensors"), std::string::npos) << message;
      EXPECT_EQ(message.find_first_of("\n\x1b"), std::string::npos) << message;
    }
  };
  const auto with = [&](const char* key, Json value) {
    Json meta = good;
    meta[key] = std::move(value);
    return meta;
  };
  const std::vector<float> weights = {1, 2};
  write(good, weights, {0});
  EXPECT_NO_THROW(ScorerFile::read(path)) << "the others must fail for their own reason";
  write(Json(), weights, {0}), refused("no metadata");
  write(Json::array(), weights, {0}), refused("metadata is a list");
  write(with("kind", "detoxifier"), weights, {0}), refused("another kind");
  write(with("kind", "two\nlines \x1b[31m"), weights, {0}), refused("a kind that would colour the terminal");
  write(with("format", 2), weights, {0}), refused("a newer format");
  write(with("pooling", "cls"), weights, {0}), refused("another pooling");
  write(with("encoder", "minilm"), weights, {0}), refused("encoder is no object");
  write(with("max_length", -1), weights, {0}), refused("negative length");
  write(with("max_length", "many"), weights, {0}), refused("length is text");
  write(with("stages", Json::array()), weights, {0}), refused("no stages");
  write(with("stages", {-1}), weights, {0}), refused("negative stage");
  write(with("threshold", 1.5), weights, {0}), refused("threshold above 1");
  write(good, {}, {0}), refused("no weights");
  write(good, weights, {0, 1}), refused("two biases");
  write(good, {1, NAN}, {0}), refused("a weight that is NaN");
  write(good, weights, {INFINITY}), refused("an infinite bias");
  dir.write("s.safetensors", "not a safetensors file"), refused("not even safetensors");
}

}  // namespace
}  // namespace limpid
