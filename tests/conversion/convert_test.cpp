#include "limpid/conversion/convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "limpid/checkpoints/config.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/error.h"
#include "limpid/core/half.h"
#include "limpid/core/random.h"
#include "limpid/tokenizers/tokenizer.h"
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
    const auto second = to_floats(
        stored->at(qwen ? "model.layers.1.mlp.experts.1.up_proj.weight" : "model.layers.0.block_sparse_moe.experts.1.w3.weight"));
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

}  // namespace
}  // namespace limpid
