#include "limpid/models/save.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/checkpoints/gguf.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/tokenizers/write_tokenizer_json.h"
#include "tests/support/golden.h"
#include "tests/training/tiny_models.h"

namespace limpid {
namespace {

using testing_support::TempDir;

Tensor logits(const Model& model, const TokenIds& ids) {
  torch::NoGradGuard no_grad;
  nn::KvCache cache = model.make_cache();
  const nn::Sequence sequence{&cache, ids};
  nn::Pass pass(std::span(&sequence, 1));
  return model.output_matrix(model.final_state(pass, Outputs::All));
}

const TokenIds kIds = {72, 101, 108, 108, 111, 32, 119, 111, 114, 108, 100, 33};

TEST(SaveHfFolder, WritesWhatOpensAsTheSameModel) {
  const TempDir dir;
  for (const fs::path& base : {testing_support::write_tiny_llama(dir.path() / "llama"),
                               testing_support::write_tiny_llama(dir.path() / "untied", 4, false),
                               testing_support::write_tiny_gpt2(dir.path() / "gpt2"),
                               testing_support::write_tiny_gemma3(dir.path() / "gemma3")}) {
    SCOPED_TRACE(base);
    const fs::path saved = base.string() + "-saved";
    save_hf_folder(*open_model(base, TrainingOptions{}), saved);
    const auto before = open_model(base, InferenceOptions{.precision = Precision::Exact}),
               after = open_model(saved, InferenceOptions{.precision = Precision::Exact});
    EXPECT_TRUE(torch::equal(logits(*before, kIds), logits(*after, kIds)));
    EXPECT_EQ(after->tokenizer()->encode("Hello world!", false), kIds);
    EXPECT_EQ(SafetensorsFile::open(saved / "model.safetensors")->tensors().size(),
              SafetensorsFile::open(base / "model.safetensors")->tensors().size());
  }
}

TEST(SaveHfFolder, WritesTheFirstLayersWithTheirTypes) {
  const TempDir dir;
  const fs::path base = testing_support::write_tiny_gemma3(dir.path() / "gemma3"), saved = dir.path() / "saved";
  save_hf_folder(*open_model(base, TrainingOptions{.layers = 6}), saved, {{"limpid", "{}"}});
  EXPECT_EQ(read_json(saved / "config.json")["num_hidden_layers"], 6);
  const ModelConfig config = read_config(saved);
  EXPECT_EQ(config.layer_types.size(), 6u);
  EXPECT_EQ(config.layer_types[4], LayerType::kSliding);
  EXPECT_EQ(config.layer_types[5], LayerType::kFull);
  EXPECT_EQ(SafetensorsFile::open(saved / "model.safetensors")->metadata().at("limpid"), "{}");
  const auto before = open_model(base, InferenceOptions{.precision = Precision::Exact, .layers = 6}),
             after = open_model(saved, InferenceOptions{.precision = Precision::Exact});
  EXPECT_TRUE(torch::equal(logits(*before, kIds), logits(*after, kIds)));
}

TEST(SaveHfFolder, RefusesAModelOpenedForInference) {
  const TempDir dir;
  EXPECT_THROW(
      save_hf_folder(*open_model(testing_support::write_tiny_llama(dir.path() / "llama")), dir.path() / "saved"),
      ConfigError);
}

TEST(WriteTokenizerJson, LeavesOtherKindsAlone) {
  const TempDir dir;
  std::map<std::string, GgufValue> metadata;
  metadata["general.architecture"].value = std::string("llama");
  metadata["tokenizer.ggml.model"].value = std::string("rwkv");
  write_gguf(dir.path() / "bert.gguf", metadata, {});
  EXPECT_FALSE(write_tokenizer_json(*GgufFile::open(dir.path() / "bert.gguf"), dir.path() / "out"));
  EXPECT_FALSE(fs::exists(dir.path() / "out"));
}

/// The folder saved from the first layers of a GGUF file computes what the file's first layers compute, and encodes as
/// it does.
void expect_saved_equals(const fs::path& gguf) {
  const TempDir dir;
  const auto trainable = open_model(gguf, TrainingOptions{.layers = 2});
  save_hf_folder(*trainable, dir.path() / "saved");
  const auto before = open_model(gguf, InferenceOptions{.precision = Precision::Exact, .layers = 2}),
             after = open_model(dir.path() / "saved", InferenceOptions{.precision = Precision::Exact});
  const std::string text = "Numbers like 12345, tabs\t\tand  spaces, naïve café — 東京 🙂 <|im_start|>user\nit's done";
  const TokenIds ids = before->tokenizer()->encode(text, true);
  EXPECT_LT(testing_support::largest_difference(logits(*before, ids), logits(*after, ids)), 2e-4);
  ASSERT_TRUE(after->tokenizer());
  EXPECT_EQ(after->tokenizer()->encode(text, true), ids);
  EXPECT_EQ(vocab_sha256(*after->tokenizer()), vocab_sha256(*before->tokenizer()));
  EXPECT_EQ(after->tokenizer()->eos(), before->tokenizer()->eos());
  EXPECT_EQ(after->tokenizer()->chat_template(), before->tokenizer()->chat_template());
}

TEST(SaveHfFolderReal, KeepsSmolLM2AndItsTokenizer) {
  const fs::path file = testing_support::pulled_model_dir("smollm2-135m-instruct") / "SmolLM2-135M-Instruct.Q4_1.gguf";
  LIMPID_REQUIRE_PATH(file);
  expect_saved_equals(file);
}

TEST(SaveHfFolderReal, KeepsGemma3AndTheOneInItsNorms) {
  const fs::path file = testing_support::pulled_model_dir("gemma-3-270m") / "gemma-3-270m-q4_k_m.gguf";
  LIMPID_REQUIRE_PATH(file);
  expect_saved_equals(file);
}

}  // namespace
}  // namespace limpid
