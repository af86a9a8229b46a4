#pragma once

#include <torch/types.h>

#include <cmath>

#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/json.h"
#include "limpid/core/random.h"
#include "tests/support/fixtures.h"

/// Hugging Face folders of a few thousand random weights, with a byte-level tokenizer, written by the tests themselves.
namespace limpid::testing_support {

struct TinyTensors {
  std::vector<std::string> names;
  std::vector<torch::Tensor> values;
  RandomStream random{7};

  void add(const std::string& name, std::vector<int64_t> shape, double mean = 0.0, double spread = -1.0) {
    torch::Tensor value = torch::empty(shape, torch::kFloat32);
    if (spread < 0) spread = 1.0 / std::sqrt(double(shape.back()));
    for (int64_t i = 0; i < value.numel(); ++i)
      value.data_ptr<float>()[i] = float(mean + spread * random.next_normal());
    names.push_back(name);
    values.push_back(value);
  }
  void write(const fs::path& file) const {
    std::vector<TensorView> views;
    for (size_t i = 0; i < names.size(); ++i)
      views.push_back(
          {names[i],
           DType::F32,
           values[i].sizes().vec(),
           {reinterpret_cast<const std::byte*>(values[i].const_data_ptr<float>()), size_t(values[i].nbytes())}});
    write_safetensors(file, views, {{"format", "pt"}});
  }
};

/// Bytes spelt as byte-level BPE does, without merges: 256 tokens and <|endoftext|>.
inline void write_byte_tokenizer(const fs::path& folder) {
  Json vocab = Json::object();
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
    const int code = printable ? byte : next++;
    std::string letter;
    if (code < 0x80)
      letter += char(code);
    else
      (letter += char(0xc0 | code >> 6)) += char(0x80 | (code & 0x3f));
    vocab[letter] = byte;
  }
  vocab["<|endoftext|>"] = 256;
  const Json level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  const Json end = {{"id", 256},       {"content", "<|endoftext|>"}, {"single_word", false}, {"lstrip", false},
                    {"rstrip", false}, {"normalized", false},        {"special", true}};
  const Json model = {{"type", "BPE"},
                      {"dropout", nullptr},
                      {"unk_token", nullptr},
                      {"continuing_subword_prefix", nullptr},
                      {"end_of_word_suffix", nullptr},
                      {"fuse_unk", false},
                      {"byte_fallback", false},
                      {"ignore_merges", false},
                      {"vocab", vocab},
                      {"merges", Json::array()}};
  const Json tokenizer = {{"version", "1.0"},
                          {"truncation", nullptr},
                          {"padding", nullptr},
                          {"added_tokens", Json::array({end})},
                          {"normalizer", nullptr},
                          {"pre_tokenizer", level},
                          {"post_processor", nullptr},
                          {"decoder", level},
                          {"model", model}};
  write_file(folder / "tokenizer.json", to_text(tokenizer));
  write_file(
      folder / "tokenizer_config.json",
      R"({"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>", "bos_token": "<|endoftext|>"})");
}

constexpr int64_t kTinyVocab = 257, kTinyWidth = 32, kTinyInner = 48, kTinyHeadDim = 8;

inline void add_llama_layers(TinyTensors& t, int64_t layers, bool gemma) {
  const int64_t D = kTinyWidth, q = 4 * kTinyHeadDim, kv = 2 * kTinyHeadDim;
  const double norm = gemma ? 0.0 : 1.0;  // Gemma stores what is added to 1
  t.add("model.embed_tokens.weight", {kTinyVocab, D}, 0.0, 0.5);
  for (int64_t i = 0; i < layers; ++i) {
    const std::string at = "model.layers." + std::to_string(i) + ".";
    t.add(at + "input_layernorm.weight", {D}, norm, 0.1);
    t.add(at + "post_attention_layernorm.weight", {D}, norm, 0.1);
    t.add(at + "self_attn.q_proj.weight", {q, D});
    t.add(at + "self_attn.k_proj.weight", {kv, D});
    t.add(at + "self_attn.v_proj.weight", {kv, D});
    t.add(at + "self_attn.o_proj.weight", {D, q});
    t.add(at + "mlp.gate_proj.weight", {kTinyInner, D});
    t.add(at + "mlp.up_proj.weight", {kTinyInner, D});
    t.add(at + "mlp.down_proj.weight", {D, kTinyInner});
    if (!gemma) continue;
    for (const char* name : {"pre_feedforward_layernorm", "post_feedforward_layernorm"})
      t.add(at + name + ".weight", {D}, 0.0, 0.1);
    for (const char* name : {"self_attn.q_norm", "self_attn.k_norm"})
      t.add(at + name + ".weight", {kTinyHeadDim}, 0.0, 0.1);
  }
  t.add("model.norm.weight", {D}, norm, 0.1);
}

/// @return the folder. `tied`: the output matrix is the embedding.
inline fs::path write_tiny_llama(const fs::path& folder, int64_t layers = 4, bool tied = true) {
  TinyTensors t;
  add_llama_layers(t, layers, false);
  if (!tied) t.add("lm_head.weight", {kTinyVocab, kTinyWidth});
  fs::create_directories(folder);
  t.write(folder / "model.safetensors");
  const Json config = {{"model_type", "llama"},
                       {"architectures", {"LlamaForCausalLM"}},
                       {"hidden_size", kTinyWidth},
                       {"num_hidden_layers", layers},
                       {"num_attention_heads", 4},
                       {"num_key_value_heads", 2},
                       {"head_dim", kTinyHeadDim},
                       {"intermediate_size", kTinyInner},
                       {"max_position_embeddings", 256},
                       {"rms_norm_eps", 1e-5},
                       {"hidden_act", "silu"},
                       {"rope_theta", 10000.0},
                       {"vocab_size", kTinyVocab},
                       {"tie_word_embeddings", tied},
                       {"bos_token_id", 256},
                       {"eos_token_id", 256}};
  write_file(folder / "config.json", to_text(config));
  write_byte_tokenizer(folder);
  return folder;
}

/// `tied` as above; a separate output matrix makes sharp guesses that hang on the whole text.
inline fs::path write_tiny_gemma3(const fs::path& folder, int64_t layers = 7, bool tied = true) {
  TinyTensors t;
  add_llama_layers(t, layers, true);
  if (!tied) t.add("lm_head.weight", {kTinyVocab, kTinyWidth}, 0.0, 0.7);
  fs::create_directories(folder);
  t.write(folder / "model.safetensors");
  const Json config = {{"model_type", "gemma3_text"},
                       {"architectures", {"Gemma3ForCausalLM"}},
                       {"hidden_size", kTinyWidth},
                       {"num_hidden_layers", layers},
                       {"num_attention_heads", 4},
                       {"num_key_value_heads", 2},
                       {"head_dim", kTinyHeadDim},
                       {"intermediate_size", kTinyInner},
                       {"max_position_embeddings", 256},
                       {"rms_norm_eps", 1e-6},
                       {"hidden_activation", "gelu_pytorch_tanh"},
                       {"rope_theta", 1000000.0},
                       {"rope_local_base_freq", 10000.0},
                       {"sliding_window", 8},
                       {"sliding_window_pattern", 6},
                       {"query_pre_attn_scalar", 12},
                       {"vocab_size", kTinyVocab},
                       {"tie_word_embeddings", tied},
                       {"bos_token_id", 256},
                       {"eos_token_id", 256}};
  write_file(folder / "config.json", to_text(config));
  write_byte_tokenizer(folder);
  return folder;
}

inline fs::path write_tiny_gpt2(const fs::path& folder, int64_t layers = 4) {
  const int64_t D = kTinyWidth;
  TinyTensors t;
  t.add("transformer.wte.weight", {kTinyVocab, D}, 0.0, 0.5);
  t.add("transformer.wpe.weight", {256, D}, 0.0, 0.1);
  for (int64_t i = 0; i < layers; ++i) {
    const std::string at = "transformer.h." + std::to_string(i) + ".";
    for (const char* name : {"ln_1", "ln_2"}) {
      t.add(at + name + ".weight", {D}, 1.0, 0.1);
      t.add(at + name + ".bias", {D}, 0.0, 0.1);
    }
    const auto conv1d = [&](const std::string& name, int64_t in, int64_t out) {  // stored [in, out]
      t.add(at + name + ".weight", {in, out}, 0.0, 1.0 / std::sqrt(double(in)));
      t.add(at + name + ".bias", {out}, 0.0, 0.1);
    };
    conv1d("attn.c_attn", D, 3 * D);
    conv1d("attn.c_proj", D, D);
    conv1d("mlp.c_fc", D, 4 * D);
    conv1d("mlp.c_proj", 4 * D, D);
  }
  t.add("transformer.ln_f.weight", {D}, 1.0, 0.1);
  t.add("transformer.ln_f.bias", {D}, 0.0, 0.1);
  fs::create_directories(folder);
  t.write(folder / "model.safetensors");
  const Json config = {{"model_type", "gpt2"},
                       {"architectures", {"GPT2LMHeadModel"}},
                       {"n_embd", D},
                       {"n_layer", layers},
                       {"n_head", 4},
                       {"n_positions", 256},
                       {"layer_norm_epsilon", 1e-5},
                       {"activation_function", "gelu_new"},
                       {"vocab_size", kTinyVocab},
                       {"tie_word_embeddings", true},
                       {"bos_token_id", 256},
                       {"eos_token_id", 256}};
  write_file(folder / "config.json", to_text(config));
  write_byte_tokenizer(folder);
  return folder;
}

}  // namespace limpid::testing_support
