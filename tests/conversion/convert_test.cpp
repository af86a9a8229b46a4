#include "limpid/conversion/convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>

#include "limpid/checkpoints/config.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/error.h"
#include "limpid/core/half.h"
#include "limpid/core/random.h"
#include "limpid/tokenizers/split_rules.h"
#include "limpid/tokenizers/tokenizer.h"
#include "limpid/tokenizers/write_gguf_tokenizer.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

constexpr const char* kLlama = R"({"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 8,
  "hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
  "intermediate_size": 256, "max_position_embeddings": 32, "rms_norm_eps": 1e-5, "tie_word_embeddings": false})";
constexpr const char* kTokenizer = R"({"added_tokens": [{"id": 6, "content": "<end>", "special": true}],
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, "normalizer": null, "decoder": {"type": "ByteLevel"},
  "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4, "Ġ": 5}, "merges": ["a b", ["ab", "c"]]}})";

/// A llama of one layer with random weights of a type.
struct Llama {
  TempDir dir;
  std::vector<std::vector<std::byte>> storage;
  std::vector<TensorView> tensors;

  explicit Llama(DType type, bool output = true) {
    const std::string block = "model.layers.0.";
    add("model.embed_tokens.weight", type, {8, 64});
    add("model.norm.weight", type, {64});
    add(block + "input_layernorm.weight", type, {64});
    add(block + "post_attention_layernorm.weight", type, {64});
    add(block + "self_attn.q_proj.weight", type, {64, 64});
    add(block + "self_attn.k_proj.weight", type, {32, 64});
    add(block + "self_attn.v_proj.weight", type, {32, 64});
    add(block + "self_attn.o_proj.weight", type, {64, 64});
    add(block + "mlp.gate_proj.weight", type, {256, 64});
    add(block + "mlp.up_proj.weight", type, {256, 64});
    add(block + "mlp.down_proj.weight", type, {64, 256});
    if (output) add("lm_head.weight", type, {8, 64});
    write_safetensors(dir.path() / "model.safetensors", tensors);
    dir.write("config.json", kLlama);
    dir.write("tokenizer.json", kTokenizer);
    dir.write("tokenizer_config.json", R"({"eos_token": "<end>", "chat_template": "{{ messages }}"})");
  }
  void add(const std::string& name, DType type, std::vector<int64_t> shape) {
    TensorView view{name, type, std::move(shape), {}};
    RandomStream random(1, tensors.size());
    std::vector<std::byte>& bytes = storage.emplace_back(byte_size(type, size_t(view.elements())));
    for (int64_t i = 0; i < view.elements(); ++i) {
      const auto value = float(random.next_normal());
      const uint16_t half = float_to_f16(value);
      type == DType::F32 ? std::memcpy(bytes.data() + 4 * i, &value, 4) : std::memcpy(bytes.data() + 2 * i, &half, 2);
    }
    view.data = bytes;
    tensors.push_back(std::move(view));
  }
};

void expect_same_tensors(const Llama& model, const Checkpoint& file) {
  ASSERT_EQ(file.tensors().size(), model.tensors.size());
  for (const TensorView& tensor : model.tensors) {
    const TensorView& back = file.at(tensor.name);
    EXPECT_EQ(back.dtype, tensor.dtype) << tensor.name;
    EXPECT_EQ(back.shape, tensor.shape) << tensor.name;
    ASSERT_EQ(back.data.size(), tensor.data.size()) << tensor.name;
    EXPECT_EQ(std::memcmp(back.data.data(), tensor.data.data(), tensor.data.size()), 0) << tensor.name;
  }
}

TEST(Convert, ThereAndBackGivesTheSameBits) {
  for (DType type : {DType::F32, DType::F16}) {
    SCOPED_TRACE(info(type).name);
    const Llama model(type);
    const fs::path gguf = model.dir.path() / "m.gguf", folder = model.dir.path() / "back";
    write_gguf_model(model.dir.path(), gguf, std::nullopt);
    write_huggingface_model(gguf, folder, std::nullopt);
    expect_same_tensors(model, *Checkpoint::open(folder));
    const ModelConfig config = read_config(folder);
    EXPECT_EQ(config.num_kv_heads, 1);
    EXPECT_EQ(config.eos_ids, std::vector<int64_t>{6});
    EXPECT_EQ(config.raw["torch_dtype"], type == DType::F16 ? "float16" : "float32");
  }
}

TEST(Convert, TheTokenizerGoesAlongWithItsTemplateAndPadding) {
  const Llama model(DType::F16);
  const fs::path gguf = model.dir.path() / "m.gguf", folder = model.dir.path() / "back";
  write_gguf_model(model.dir.path(), gguf, std::nullopt);
  write_huggingface_model(gguf, folder, std::nullopt);
  const auto file = GgufFile::open(gguf);
  EXPECT_EQ(file->text("tokenizer.ggml.pre"), "gpt-2");
  EXPECT_EQ(file->texts("tokenizer.ggml.tokens").back(), "[PAD7]");  // the model has a row more than the tokenizer
  for (const fs::path& path : {gguf, folder}) {
    const auto tokenizer = open_tokenizer(path);
    EXPECT_EQ(tokenizer->encode("abc ab<end>", false), (TokenIds{4, 5, 3, 6})) << path;
    EXPECT_EQ(tokenizer->eos(), 6) << path;
    EXPECT_EQ(tokenizer->chat_template(), "{{ messages }}") << path;
  }
}

TEST(Convert, RefusesATokenizerThatAGgufFileCannotSay) {
  const Llama model(DType::F16);
  const fs::path gguf = model.dir.path() / "m.gguf";
  const auto refuses = [&](const char* what, const std::function<void(Json&)>& change) {
    Json tokenizer = Json::parse(kTokenizer);
    change(tokenizer);
    model.dir.write("tokenizer.json", tokenizer.dump());
    EXPECT_THROW(write_gguf_model(model.dir.path(), gguf, std::nullopt), ConfigError) << what;
    EXPECT_FALSE(fs::exists(gguf)) << what;
  };
  for (const char* flag : {"lstrip", "rstrip", "single_word"})
    refuses(flag, [&](Json& j) { j["added_tokens"][0][flag] = true; });
  refuses("ignore_merges", [](Json& j) { j["model"]["ignore_merges"] = true; });
  const Json frame = Json::parse(R"({"type": "TemplateProcessing", "special_tokens": {"c": {"id": "c", "ids": [2]}},
    "single": [{"SpecialToken": {"id": "c"}}, {"Sequence": {"id": "A"}}]})");
  refuses("a prefix that is not BOS", [&](Json& j) { j["post_processor"] = frame; });
  refuses("a normalizer", [](Json& j) { j["normalizer"] = {{"type", "Lowercase"}}; });
}

TEST(Convert, RefusesASentencePieceTokenizerWithMoreRulesThanItsOwn) {
  Llama model(DType::F16);
  Json vocabulary = Json::object();
  Json tokenizer = {
      {"model", {{"type", "BPE"}, {"byte_fallback", true}, {"unk_token", "<unk>"}, {"merges", Json::array()}}}};
  for (const char* name : {"<unk>", "▁", "a", "A", "1", "2"}) vocabulary[name] = vocabulary.size();
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    vocabulary[name] = vocabulary.size();
  }
  tokenizer["model"]["vocab"] = vocabulary;
  const Json mark = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "▁"}};
  const Json prepend = {{"type", "Prepend"}, {"prepend", "▁"}};
  const auto written = [&](const Json& normalizers, const Json& pre_tokenizer) {
    tokenizer["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
    tokenizer["pre_tokenizer"] = pre_tokenizer;
    model.dir.write("tokenizer.json", tokenizer.dump());
    return gguf_tokenizer(model.dir.path(), 263);
  };
  EXPECT_NO_THROW(written({prepend, mark}, nullptr));
  EXPECT_NO_THROW(written(Json::array({mark}), nullptr));
  EXPECT_NO_THROW(written(Json::array(), {{"type", "Metaspace"}, {"prepend_scheme", "first"}, {"split", false}}));
  for (const char* kind : {"NFKC", "NFC", "Lowercase"})
    EXPECT_THROW(written({{{"type", kind}}, prepend, mark}, nullptr), ConfigError) << kind;
}

TEST(Convert, AnEndOfTextBehindATextIsKept) {
  const Llama model(DType::F16);
  Json tokenizer = Json::parse(kTokenizer);
  tokenizer["post_processor"] = Json::parse(R"({"type": "TemplateProcessing",
    "special_tokens": {"e": {"id": "e", "ids": [6]}}, "single": [{"Sequence": {"id": "A"}}, {"SpecialToken": {"id": "e"}}]})");
  model.dir.write("tokenizer.json", tokenizer.dump());
  write_gguf_model(model.dir.path(), model.dir.path() / "m.gguf", std::nullopt);
  EXPECT_EQ(open_tokenizer(model.dir.path() / "m.gguf")->encode("ab", true), (TokenIds{3, 6}));
}

TEST(Convert, Llama3sCutIsNamedByWhetherMergesAreIgnored) {
  const Llama model(DType::F16);
  Json tokenizer = Json::parse(kTokenizer);
  tokenizer["pre_tokenizer"] = split_rules("llama-bpe")->pre_tokenizer;
  for (const bool ignores : {true, false}) {
    tokenizer["model"]["ignore_merges"] = ignores;
    model.dir.write("tokenizer.json", tokenizer.dump());
    const auto written = gguf_tokenizer(model.dir.path(), 8);
    EXPECT_EQ(std::get<std::string>(written.metadata.at("tokenizer.ggml.pre").value),
              ignores ? "llama-bpe" : "smaug-bpe");
  }
}

TEST(Convert, FilesOfLinesMayEndAsOnWindows) {
  const Llama model(DType::F16);
  fs::remove(model.dir.path() / "tokenizer.json");
  model.dir.write("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "<end>": 3})");
  model.dir.write("merges.txt", "#version: 0.2\r\na b\r\n");
  write_gguf_model(model.dir.path(), model.dir.path() / "m.gguf", std::nullopt);
  EXPECT_EQ(open_tokenizer(model.dir.path() / "m.gguf")->encode("ab<end>", false), (TokenIds{2, 3}));
}

TEST(Convert, QueriesAndKeysAreRearrangedAsLlamaCppDoes) {
  const Llama model(DType::F32);
  const fs::path gguf = model.dir.path() / "m.gguf";
  write_gguf_model(model.dir.path(), gguf, std::nullopt);
  const auto rows = to_floats(GgufFile::open(gguf)->at("blk.0.attn_k.weight")), stored = to_floats(model.tensors[5]);
  EXPECT_TRUE(
      std::equal(rows.begin() + 64, rows.begin() + 128, stored.begin() + 16 * 64));  // row 16 of 32 comes second
}

TEST(Convert, AModelWithoutAnOutputMatrixIsTied) {
  const Llama model(DType::F16, /*output=*/false);
  const fs::path gguf = model.dir.path() / "m.gguf";
  write_gguf_model(model.dir.path(), gguf, std::nullopt);
  EXPECT_EQ(GgufFile::open(gguf)->find("output.weight"), nullptr);
  EXPECT_TRUE(read_config(gguf).tie_word_embeddings);
}

TEST(Convert, BlocksFallBackWhereRowsDoNotFitAndTablesStayFine) {
  const Llama model(DType::F16);
  const fs::path gguf = model.dir.path() / "m.gguf";
  const ConvertedModel written = write_gguf_model(model.dir.path(), gguf, DType::Q4_K);
  const auto file = GgufFile::open(gguf);
  EXPECT_EQ(file->at("blk.0.ffn_down.weight").dtype, DType::Q4_K);  // rows of 256
  EXPECT_EQ(file->at("blk.0.ffn_up.weight").dtype, DType::Q8_0);    // rows of 64
  EXPECT_EQ(file->at("token_embd.weight").dtype, DType::Q8_0);
  EXPECT_EQ(file->at("output_norm.weight").dtype, DType::F32);
  EXPECT_EQ(file->integer("general.file_type"), 14);
  EXPECT_LT(written.bytes, written.stored_bytes);
  const fs::path again = model.dir.path() / "again.gguf";
  write_gguf_model(gguf, again, std::nullopt);  // blocks stay blocks, to the bit
  const TensorView& before = file->at("blk.0.ffn_down.weight");
  const auto copy = GgufFile::open(again);
  EXPECT_EQ(std::memcmp(copy->at(before.name).data.data(), before.data.data(), before.data.size()), 0);
  EXPECT_EQ(copy->text("tokenizer.ggml.pre"), "gpt-2");
}

TEST(Convert, RefusesWhatTheOtherFormatCannotSay) {
  const Llama model(DType::F16);
  const fs::path gguf = model.dir.path() / "m.gguf";
  model.dir.write("config.json", std::string(kLlama).replace(std::string(kLlama).find("\"vocab_size\""), 0,
                                                             "\"hidden_act\": \"gelu\", "));
  EXPECT_THROW(write_gguf_model(model.dir.path(), gguf, std::nullopt), ConfigError);  // GGUF has no key for it
  EXPECT_FALSE(fs::exists(gguf));
  EXPECT_THROW(write_huggingface_model(model.dir.path(), model.dir.path() / "x", std::nullopt), ConfigError);
  model.dir.write("config.json", kLlama);
  model.dir.write("tokenizer.json", R"({"model": {"type": "Unigram", "vocab": []}})");
  EXPECT_THROW(write_gguf_model(model.dir.path(), gguf, std::nullopt), ConfigError);
  EXPECT_FALSE(fs::exists(gguf));
}

TEST(Convert, RefusesNumbersThatTheTypeCannotHold) {
  Llama model(DType::F32);
  const float large = 1e6f;
  std::memcpy(model.storage[4].data(), &large, 4);
  write_safetensors(model.dir.path() / "model.safetensors", model.tensors);
  const fs::path gguf = model.dir.path() / "m.gguf";
  EXPECT_THROW(write_gguf_model(model.dir.path(), gguf, DType::F16), ConfigError);
  EXPECT_FALSE(fs::exists(gguf));
  EXPECT_NO_THROW(write_gguf_model(model.dir.path(), gguf, DType::BF16));
}

}  // namespace
}  // namespace limpid
