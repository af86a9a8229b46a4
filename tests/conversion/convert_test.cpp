#include "limpid/conversion/convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>

#include "limpid/checkpoints/config.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/error.h"
#include "limpid/core/files.h"
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

/// A mixtral of one layer and three experts, or a qwen3_moe of a dense layer and one with experts.
struct Mixture : Llama {
  explicit Mixture(bool qwen, const char* more = "") : Llama(DType::F16) {
    tensors.clear();
    storage.clear();
    add("model.embed_tokens.weight", DType::F16, {8, 64});
    add("model.norm.weight", DType::F16, {64});
    add("lm_head.weight", DType::F16, {8, 64});
    for (int layer = 0; layer < (qwen ? 2 : 1); ++layer) {
      const std::string block = concat("model.layers.", layer, ".");
      for (const char* norm : {"input_layernorm", "post_attention_layernorm"})
        add(block + norm + ".weight", DType::F16, {64});
      add(block + "self_attn.q_proj.weight", DType::F16, {64, 64});
      add(block + "self_attn.k_proj.weight", DType::F16, {32, 64});
      add(block + "self_attn.v_proj.weight", DType::F16, {32, 64});
      add(block + "self_attn.o_proj.weight", DType::F16, {64, 64});
      if (qwen) {
        for (const char* norm : {"q_norm", "k_norm"}) add(block + "self_attn." + norm + ".weight", DType::F16, {32});
        add_feed_forward(block + "mlp.", layer > 0, "gate_proj", "up_proj", "down_proj");
      } else {
        add_feed_forward(block + "block_sparse_moe.", true, "w1", "w3", "w2");
      }
    }
    write_safetensors(dir.path() / "model.safetensors", tensors);
    Json config = Json::parse(kLlama);
    config.update({{"num_local_experts", 3}, {"num_experts_per_tok", 2}});
    if (qwen)
      config.update({{"model_type", "qwen3_moe"},
                     {"num_hidden_layers", 2},
                     {"moe_intermediate_size", 96},
                     {"mlp_only_layers", {0}},
                     {"norm_topk_prob", true}});
    else
      config["model_type"] = "mixtral";
    if (*more) config.update(Json::parse(more));
    dir.write("config.json", to_text(config));
  }
  void add_feed_forward(const std::string& at, bool experts, const char* gate, const char* up, const char* down) {
    const int64_t F = experts && std::string(gate) == "gate_proj" ? 96 : 256;
    if (experts) add(at + "gate.weight", DType::F16, {3, 64});
    for (int e = 0; e < (experts ? 3 : 1); ++e) {
      const std::string expert = experts ? concat(at, "experts.", e, ".") : at;
      add(expert + gate + ".weight", DType::F16, {F, 64});
      add(expert + up + ".weight", DType::F16, {F, 64});
      add(expert + down + ".weight", DType::F16, {64, F});
    }
  }
};

TEST(Convert, ExpertsLieInOneTensorInGgufFilesAndComeBack) {
  for (bool qwen : {false, true}) {
    SCOPED_TRACE(qwen ? "qwen3_moe" : "mixtral");
    const Mixture model(qwen);
    const fs::path gguf = model.dir.path() / "m.gguf", folder = model.dir.path() / "back";
    write_gguf_model(model.dir.path(), gguf, std::nullopt);
    const auto file = GgufFile::open(gguf);
    const std::string prefix = qwen ? "qwen3moe." : "llama.", block = qwen ? "blk.1." : "blk.0.";
    EXPECT_EQ(file->integer(prefix + "expert_count"), 3);
    EXPECT_EQ(file->integer(prefix + "expert_used_count"), 2);
    EXPECT_EQ(file->integer_or(prefix + "expert_feed_forward_length", 0), qwen ? 96 : 0);
    EXPECT_EQ(file->at(block + "ffn_gate_inp.weight").dtype, DType::F32);
    EXPECT_EQ(file->at(block + "ffn_gate_inp.weight").shape, (std::vector<int64_t>{3, 64}));
    const TensorView& up = file->at(block + "ffn_up_exps.weight");
    EXPECT_EQ(up.shape, (std::vector<int64_t>{3, qwen ? 96 : 256, 64}));
    EXPECT_EQ(file->at(block + "ffn_down_exps.weight").shape, (std::vector<int64_t>{3, 64, qwen ? 96 : 256}));
    const auto stored = Checkpoint::open(model.dir.path());
    const auto second = to_floats(stored->at(qwen ? "model.layers.1.mlp.experts.1.up_proj.weight"
                                                  : "model.layers.0.block_sparse_moe.experts.1.w3.weight"));
    const auto all = to_floats(up);
    EXPECT_TRUE(std::equal(second.begin(), second.end(), all.begin() + std::ptrdiff_t(second.size())));
    const ModelConfig config = read_config(gguf);
    EXPECT_EQ(config.architecture, qwen ? "qwen3_moe" : "mixtral");
    EXPECT_EQ(config.with_experts, qwen ? (std::vector<bool>{false, true}) : std::vector<bool>{true});
    write_huggingface_model(gguf, folder, std::nullopt);
    expect_same_tensors(model, *Checkpoint::open(folder));
    const ModelConfig back = read_config(folder);
    EXPECT_EQ(back.with_experts, config.with_experts);
    EXPECT_EQ(back.expert_size, qwen ? 96 : 256);
    EXPECT_EQ(back.num_experts, 3);
    EXPECT_TRUE(back.whole_shares);
  }
}

TEST(Convert, BlocksOfExpertsStayBlocks) {
  const Mixture model(/*qwen=*/false);
  const fs::path gguf = model.dir.path() / "m.gguf", again = model.dir.path() / "again.gguf";
  write_gguf_model(model.dir.path(), gguf, DType::Q4_K);
  write_gguf_model(gguf, again, std::nullopt);
  const auto file = GgufFile::open(gguf), copy = GgufFile::open(again);
  EXPECT_EQ(file->at("blk.0.ffn_down_exps.weight").dtype, DType::Q4_K);  // rows of 256
  EXPECT_EQ(file->at("blk.0.ffn_up_exps.weight").dtype, DType::Q8_0);    // rows of 64
  for (const TensorView& tensor : file->tensors())
    EXPECT_EQ(std::memcmp(copy->at(tensor.name).data.data(), tensor.data.data(), tensor.data.size()), 0) << tensor.name;
}

TEST(Convert, SharesThatDoNotAddUpToOneAreRefusedInGgufFiles) {
  const Mixture model(/*qwen=*/true, R"({"norm_topk_prob": false})");
  const fs::path gguf = model.dir.path() / "m.gguf";
  try {
    write_gguf_model(model.dir.path(), gguf, std::nullopt);
    ADD_FAILURE() << "was written";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("norm_topk_prob"), std::string::npos) << error.what();
  }
  EXPECT_FALSE(fs::exists(gguf));
}

TEST(Convert, AnExpertOfAnotherShapeIsRefusedByName) {
  Mixture model(/*qwen=*/false);
  for (TensorView& tensor : model.tensors)
    if (tensor.name.ends_with("experts.2.w1.weight")) tensor.shape = {64, 256};
  write_safetensors(model.dir.path() / "model.safetensors", model.tensors);
  try {
    write_gguf_model(model.dir.path(), model.dir.path() / "m.gguf", std::nullopt);
    ADD_FAILURE() << "was written";
  } catch (const ShapeError& error) {
    EXPECT_NE(std::string(error.what()).find("experts.2.w1.weight\" has shape [64, 256]"), std::string::npos)
        << error.what();
  }
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

/// Replaces the first `from` of kLlama.
std::string llama_with(const std::string& from, const std::string& to) {
  std::string config = kLlama;
  return config.replace(config.find(from), from.size(), to);
}

std::string refusal(const std::function<void()>& convert) {
  try {
    convert();
  } catch (const Error& error) {
    return error.what();
  }
  return "was converted";
}

TEST(Convert, AnOutputMatrixThatDiffersFromTheTiedEmbeddingIsKept) {
  const Llama model(DType::F16);
  const fs::path gguf = model.dir.path() / "m.gguf";
  model.dir.write("config.json", llama_with(R"("tie_word_embeddings": false)", R"("tie_word_embeddings": true)"));
  write_gguf_model(model.dir.path(), gguf, std::nullopt);
  EXPECT_NE(GgufFile::open(gguf)->find("output.weight"), nullptr);
}

TEST(Convert, KeepsEveryTokenThatEndsAText) {
  const Llama model(DType::F16);
  const fs::path gguf = model.dir.path() / "m.gguf", folder = model.dir.path() / "back";
  const auto ending_at = [&](const std::string& ids) {
    model.dir.write("generation_config.json", R"({"eos_token_id": )" + ids + R"(, "bos_token_id": 2})");
  };
  ending_at("[1, 6, 3]");
  write_gguf_model(model.dir.path(), gguf, std::nullopt);
  EXPECT_EQ(read_config(gguf).eos_ids, (std::vector<int64_t>{6, 1, 3}));  // the tokenizer's own first
  EXPECT_EQ(read_config(gguf).bos_id, 2);
  write_huggingface_model(gguf, folder, std::nullopt);
  EXPECT_EQ(read_config(folder).eos_ids, (std::vector<int64_t>{6, 1, 3}));
  ending_at("[1, 6, 3, 4]");
  EXPECT_NE(refusal([&] { write_gguf_model(model.dir.path(), gguf, std::nullopt); }).find("tokens that end a text (4"),
            std::string::npos);
  fs::remove(model.dir.path() / "tokenizer.json");
  ending_at("[3]");
  write_gguf_model(model.dir.path(), gguf, std::nullopt);
  EXPECT_EQ(read_config(gguf).eos_ids, std::vector<int64_t>{3});
}

TEST(Convert, WhatIsRefusedLeavesFilesAsTheyWere) {
  const Llama model(DType::F16);
  const fs::path gguf = model.dir.write("m.gguf", "precious");
  model.dir.write("config.json", llama_with("\"vocab_size\"", R"("hidden_act": "gelu", "vocab_size")"));
  EXPECT_NE(refusal([&] { write_gguf_model(model.dir.path(), gguf, std::nullopt); })
                .find("a GGUF file as Limpid writes it cannot say this model's activation (\"gelu\", would be read as "
                      "\"silu\")"),
            std::string::npos);
  EXPECT_EQ(read_file(gguf), "precious");
}

TEST(Convert, RefusesToOverwriteAFileOfTheModelItself) {
  const Llama model(DType::F16);
  const fs::path folder = model.dir.path() / "gguf", file = folder / "m.gguf";
  fs::create_directories(folder);
  write_gguf_model(model.dir.path(), file, std::nullopt);
  const std::string before = read_file(file);
  EXPECT_NE(refusal([&] { write_gguf_model(folder, file, DType::Q8_0); }).find("is a file of the model itself"),
            std::string::npos);
  EXPECT_EQ(read_file(file), before);
}

TEST(Convert, RefusesAFolderThatHoldsAModel) {
  const Llama model(DType::F16);
  const fs::path gguf = model.dir.path() / "m.gguf";
  write_gguf_model(model.dir.path(), gguf, std::nullopt);
  EXPECT_NE(
      refusal([&] { write_huggingface_model(gguf, model.dir.path(), std::nullopt); }).find("holds a model already"),
      std::string::npos);
}

TEST(Convert, RefusesNumbersThatAreNotFinite) {
  Llama model(DType::F32);
  const fs::path gguf = model.dir.path() / "m.gguf";
  const std::string source = "mlp.up_proj.weight\": [0, 0] is ", target = "\"blk.0.ffn_up.weight\" holds ";
  const struct {
    float value;
    std::optional<DType> type;
    std::string says;
  } cases[] = {{NAN, std::nullopt, source + "nan"},
               {INFINITY, std::nullopt, source + "inf"},
               {NAN, DType::Q8_0, source + "nan"},
               {1e9f, DType::Q8_0, target + "1e+09, which Q8_0 cannot hold"},
               {1e9f, DType::Q4_K, target + "1e+09, which Q8_0 cannot hold"}};
  for (const auto& [value, type, says] : cases) {
    std::memcpy(model.storage[9].data(), &value, 4);
    write_safetensors(model.dir.path() / "model.safetensors", model.tensors);
    const std::string message = refusal([&] { write_gguf_model(model.dir.path(), gguf, type); });
    EXPECT_NE(message.find(says), std::string::npos) << message;
  }
}

TEST(Convert, RefusesAModelThatLacksATensorOrHasOneOfAnotherShape) {
  for (const char* name : {"model.embed_tokens.weight", "model.norm.weight", "model.layers.0.input_layernorm.weight",
                           "model.layers.0.mlp.down_proj.weight"}) {
    Llama model(DType::F32);
    std::erase_if(model.tensors, [&](const TensorView& tensor) { return tensor.name == name; });
    write_safetensors(model.dir.path() / "model.safetensors", model.tensors);
    EXPECT_NE(refusal([&] {
                write_gguf_model(model.dir.path(), model.dir.path() / "m.gguf", std::nullopt);
              }).find(std::string("tensor \"") + name + "\" is missing"),
              std::string::npos);
  }
  Llama model(DType::F32);
  model.tensors[7].shape = {32, 128};
  write_safetensors(model.dir.path() / "model.safetensors", model.tensors);
  EXPECT_NE(refusal([&] {
              write_gguf_model(model.dir.path(), model.dir.path() / "m.gguf", std::nullopt);
            }).find("o_proj.weight\" has shape [32, 128], the config asks for [64, 64]"),
            std::string::npos);
}

TEST(Convert, ATokenizerThatAGgufFileCannotHoldIsRefusedRatherThanLeftOut) {
  const Llama model(DType::F16);
  fs::remove(model.dir.path() / "tokenizer.json");
  model.dir.write("tokenizer.model", "\n");
  EXPECT_NE(refusal([&] {
              write_gguf_model(model.dir.path(), model.dir.path() / "m.gguf", std::nullopt);
            }).find("expected tokenizer.json, or vocab.json with merges.txt"),
            std::string::npos);
}

TEST(Convert, BlocksWithAScaleOfTheirOwnStayBesideItOrAreReadWithIt) {
  const Llama model(DType::F16);
  const fs::path plain = model.dir.path() / "m.gguf", scaled = model.dir.path() / "scaled.gguf",
                 copy = model.dir.path() / "copy.gguf";
  write_gguf_model(model.dir.path(), plain, std::nullopt);
  const auto file = GgufFile::open(plain);
  const std::vector<std::byte> blocks(byte_size(DType::NVFP4, 64 * 256), std::byte(0x38));
  const float two = 2;
  std::vector<TensorView> tensors = file->tensors();
  for (TensorView& tensor : tensors)
    if (tensor.name == "blk.0.ffn_down.weight") tensor.dtype = DType::NVFP4, tensor.data = blocks;
  tensors.push_back({"blk.0.ffn_down.scale", DType::F32, {1}, std::as_bytes(std::span(&two, 1))});
  write_gguf(scaled, file->metadata(), tensors);
  write_gguf_model(scaled, copy, std::nullopt);
  const auto same = GgufFile::open(copy);
  EXPECT_EQ(same->at("blk.0.ffn_down.weight").dtype, DType::NVFP4);
  EXPECT_TRUE(std::ranges::equal(same->at("blk.0.ffn_down.weight").data, blocks));
  EXPECT_EQ(to_floats(same->at("blk.0.ffn_down.scale")), std::vector<float>{2});
  write_gguf_model(scaled, copy, DType::BF16);
  const auto read = GgufFile::open(copy);
  EXPECT_EQ(read->find("blk.0.ffn_down.scale"), nullptr);
  std::vector<std::byte> storage;
  EXPECT_EQ(to_floats(read->at("blk.0.ffn_down.weight")).front(),
            to_floats(same->load(same->at("blk.0.ffn_down.weight"), storage)).front());
}

}  // namespace
}  // namespace limpid
