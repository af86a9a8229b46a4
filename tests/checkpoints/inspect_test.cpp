#include "limpid/checkpoints/inspect.h"

#include <gtest/gtest.h>

#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/error.h"
#include "tests/checkpoints/builders.h"
#include "tests/support/walk.h"

namespace limpid {
namespace {

using namespace test_builders;
using testing_support::TempDir;

void expect_parts(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << "no \"" << part << "\" in:\n" << text;
}

TEST(Inspect, ExplainsADetoxifierLineByLine) {
  TempDir dir;
  dir.write("helper.gguf", "helper");
  const Json limpid = {{"format", 1},
                       {"method", "fusion"},
                       {"target",
                        {{"architecture", "llama"},
                         {"hidden_size", 576},
                         {"layers", 30},
                         {"vocab_size", 49152},
                         {"vocab_sha256", "abc123"}}},
                       {"settings", {{"form", "convex"}}},
                       {"default_strength", 0.2},
                       {"strength_meaning", "share of the calibrator"},
                       {"needs",
                        {{{"role", "calibrator"}, {"path", "helper.gguf"}, {"sha256", sha256("helper")}},
                         {{"role", "judge"}, {"path", "helper.gguf"}, {"sha256", "00"}},
                         {{"role", "expert"}, {"path", "absent.gguf"}}}},
                       {"provenance", {{"tool", "limpid 0.1.0"}}}};
  const std::vector<float> values = {1, 2};
  const fs::path path = dir.path() / "calm.detox.safetensors";
  write_safetensors(path,
                    {view("align.0.weight", DType::F32, {2}, values), view("align.1.weight", DType::F32, {2}, values)},
                    {{"limpid", limpid.dump()}});
  expect_parts(inspect(path),
               {"a detoxifier", "fusion", "llama, 30 layers, width 576", "vocabulary of 49,152, SHA-256 abc123",
                "0.2 by default; 0 is off", "share of the calibrator", "form: convex",
                "calibrator: helper.gguf (found)", "judge: helper.gguf (has another hash)",
                "expert: absent.gguf (missing)", "tool: limpid 0.1.0", "align.{0..1}.weight", "F32", "[2]", "x 2"});
  const Json json = inspect_json(path);
  EXPECT_EQ(json["kind"], "detoxifier");
  EXPECT_EQ(json["detoxifier"]["needs"][0]["state"], "found");
  EXPECT_EQ(json["parameters"], 4);
  EXPECT_FALSE(json["metadata"].contains("limpid"));
}

TEST(Inspect, ToleratesDetoxifiersThatLackPartsOrComeFromTheFuture) {
  TempDir dir;
  const fs::path path = dir.path() / "x.detox.safetensors";
  write_safetensors(path, {}, {{"limpid", R"({"format": 9, "target": 5, "needs": [3], "settings": "none"})"}});
  expect_parts(inspect(path), {"9; this version of Limpid knows format 1", "settings        none"});
  for (const char* wrong : {"[]", "{", "5"}) {
    write_safetensors(path, {}, {{"limpid", wrong}});
    EXPECT_THROW(inspect(path), FormatError) << wrong;
  }
}

TEST(Inspect, ShowsNamesFromAFileOnOneLineAndWithoutColours) {
  TempDir dir;
  const fs::path path = dir.path() / "scorer.safetensors";
  write_safetensors(path, {}, {{"limpid", R"({"kind": "scorer", "a\u001b[31m": 1, "b\n": {"c\n": 2}})"}});
  expect_parts(inspect(path), {"a\\x1b[31m", "b\\x0a", "c\\x0a: 2"});
}

TEST(Inspect, ShowsTypesShapesAndMetadataOfSafetensors) {
  TempDir dir;
  const std::vector<float> values(6);
  const fs::path path = dir.path() / "a.safetensors";
  write_safetensors(path,
                    {view("h.0.w", DType::F32, {2, 3}, values), view("h.1.w", DType::F32, {2, 3}, values),
                     view("h.2.w", DType::F32, {6}, values)},
                    {{"format", "p\x1bt"}});
  expect_parts(inspect(path),
               {"h.{0..1}.w", "[2,3]  x 2", "h.2.w", "[6]", "18", "format: p\\x1bt", "F32 in 3 tensors (72 bytes)"});
}

TEST(Inspect, SummarisesGgufAndNamesWhyAConfigIsRefused) {
  TempDir dir;
  GgufBytes file;
  file.entries = {gguf_entry("general.architecture", 8, text("llama")),
                  gguf_entry("tokenizer.ggml.model", 8, text("gpt2")),
                  gguf_entry("tokenizer.ggml.tokens", 9, raw(8u) + raw(uint64_t(1)) + text("a"))};
  const fs::path path = dir.write("a.gguf", file.bytes());
  expect_parts(inspect(path), {"a model in GGUF format", "problem", "\"llama.embedding_length\" is missing",
                               "byte-level BPE, 1 tokens"});
  EXPECT_EQ(inspect_json(path)["metadata"]["tokenizer.ggml.tokens"]["length"], 1);
}

TEST(Inspect, ShowsWhatAControlVectorSaysOfItself) {
  TempDir dir;
  GgufBytes file;
  file.entries = {gguf_entry("general.architecture", 8, text("controlvector")),
                  gguf_entry("controlvector.model_hint", 8, text("llama"))};
  expect_parts(inspect(dir.write("v.gguf", file.bytes())), {"a control vector", "controlvector.model_hint: llama"});
}

TEST(Inspect, CountsRowsAndKeysOfJsonl) {
  TempDir dir;
  const fs::path path = dir.write("a.jsonl", "{\"prompt\":\"a\",\"label\":1}\n\n{\"prompt\":{\"text\":\"b\"}}\n");
  expect_parts(inspect(path),
               {"rows            2", "\"prompt\": a string or an object", "\"label\": a number, in 1 of the rows"});
  expect_parts(inspect(dir.write("a.json", R"({"x":1})")), {"\"x\": a number"});
}

TEST(Inspect, RefusesWhatItCannotRead) {
  TempDir dir;
  EXPECT_THROW(inspect(dir.path() / "absent"), IoError);
  EXPECT_THROW(inspect(dir.path()), FormatError);
  EXPECT_THROW(inspect(dir.write("a.jsonl", "{\"a\":1}\nnonsense\n")), FormatError);
  EXPECT_THROW(inspect(dir.write("b.jsonl", "{\"a\":1e999}\n")), FormatError);
  EXPECT_THROW(inspect(dir.write("notes.txt", "notes on something")), FormatError);
}

TEST(InspectGolden, ExplainsEveryModelFolderAndFile) {
  testing_support::Walk walk;
  for (const char* part : {"models", "methods/models", "gguf"})
    for (const fs::path& path : testing_support::sorted_entries(testing_support::golden_dir() / part))
      walk.visit(path.filename().string(), [&] {
        if (fs::exists(path / "pytorch_model.bin")) {
          EXPECT_THROW(inspect(path), FormatError);
          return;
        }
        if (fs::is_directory(path) && !fs::exists(path / "config.json")) throw testing_support::Skipped("no model");
        const std::string text = inspect(path);
        EXPECT_TRUE(!fs::is_directory(path) || text.find("architecture") != std::string::npos) << text;
      });
  walk.finish("models and blocks of the golden folder");
}

}  // namespace
}  // namespace limpid
