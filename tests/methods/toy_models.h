#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/json.h"
#include "limpid/core/random.h"
#include "limpid/models/model.h"
#include "tests/support/fixtures.h"

/// Tiny models as Hugging Face folders, built in the test so that no download is needed.
namespace limpid::testing_support {

struct ToySize {
  int64_t width = 32, layers = 2, heads = 2, inner = 64;
  uint64_t seed = 1;
  bool tied = true;
  std::vector<std::string> merges = {};  ///< of the byte-level BPE, besides the 256 bytes: "t h", "th e"
  uint64_t table_seed = 99;              ///< embeddings: equal seeds are one base
  bool tokenizer = true;
};

inline std::string utf8(uint32_t code) {
  if (code < 0x80) return std::string(1, char(code));
  return {char(0xC0 | code >> 6), char(0x80 | (code & 63))};
}

/// The printable stand-ins of GPT-2's byte alphabet.
inline std::string byte_letter(int byte) {
  const auto printable = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; };
  if (printable(byte)) return utf8(uint32_t(byte));
  uint32_t next = 256;
  for (int b = 0; b < byte; ++b) next += !printable(b);
  return utf8(next);
}

/// id 0 is special, ids 1 to 256 are the bytes, then the merges.
inline Json toy_tokenizer(const std::vector<std::string>& merges) {
  Json vocab = {{"<|end|>", 0}};
  for (int byte = 0; byte < 256; ++byte) vocab[byte_letter(byte)] = byte + 1;
  for (const std::string& merge : merges) {
    std::string both = merge;
    both.erase(both.find(' '), 1);
    vocab[both] = vocab.size();
  }
  const Json level = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens",
           {{{"id", 0},
             {"content", "<|end|>"},
             {"single_word", false},
             {"lstrip", false},
             {"rstrip", false},
             {"normalized", false},
             {"special", true}}}},
          {"normalizer", nullptr},
          {"pre_tokenizer", level},
          {"post_processor", nullptr},
          {"decoder", level},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", vocab},
            {"merges", merges}}}};
}

class ToyWriter {
 public:
  void add(const std::string& name, std::vector<int64_t> shape, uint64_t seed, double scale, double centre = 0.0) {
    int64_t count = 1;
    for (int64_t size : shape) count *= size;
    RandomStream random(seed, std::hash<std::string>{}(name));
    auto& values = storage_.emplace_back(std::make_unique<std::vector<float>>(size_t(count)));
    for (float& value : *values) value = float(centre + scale * random.next_normal());
    views_.push_back({name, DType::F32, std::move(shape), std::as_bytes(std::span(*values))});
  }
  void write(const fs::path& folder, const Json& config, const ToySize& size) const {
    fs::create_directories(folder);
    write_safetensors(folder / "model.safetensors", views_);
    write_file(folder / "config.json", to_text(config));
    if (size.tokenizer) write_file(folder / "tokenizer.json", to_text(toy_tokenizer(size.merges)));
  }

 private:
  std::vector<std::unique_ptr<std::vector<float>>> storage_;
  std::vector<TensorView> views_;
};

inline fs::path write_toy_llama(const fs::path& folder, const ToySize& size) {
  const int64_t V = 257 + int64_t(size.merges.size()), D = size.width, K = D / size.heads;
  const double scale = 1.5 / std::sqrt(double(D));
  ToyWriter out;
  out.add("model.embed_tokens.weight", {V, D}, size.table_seed, 0.7);
  if (!size.tied) out.add("lm_head.weight", {V, D}, size.table_seed, 0.7);
  out.add("model.norm.weight", {D}, size.seed, 0.1, 1.0);
  for (int64_t layer = 0; layer < size.layers; ++layer) {
    const std::string at = "model.layers." + std::to_string(layer) + ".";
    out.add(at + "input_layernorm.weight", {D}, size.seed, 0.1, 1.0);
    out.add(at + "post_attention_layernorm.weight", {D}, size.seed, 0.1, 1.0);
    out.add(at + "self_attn.q_proj.weight", {D, D}, size.seed, scale);
    out.add(at + "self_attn.k_proj.weight", {K, D}, size.seed, scale);
    out.add(at + "self_attn.v_proj.weight", {K, D}, size.seed, scale);
    out.add(at + "self_attn.o_proj.weight", {D, D}, size.seed, scale);
    out.add(at + "mlp.gate_proj.weight", {size.inner, D}, size.seed, scale);
    out.add(at + "mlp.up_proj.weight", {size.inner, D}, size.seed, scale);
    out.add(at + "mlp.down_proj.weight", {D, size.inner}, size.seed, scale);
  }
  out.write(folder,
            {{"architectures", {"LlamaForCausalLM"}},
             {"model_type", "llama"},
             {"vocab_size", V},
             {"hidden_size", D},
             {"num_hidden_layers", size.layers},
             {"num_attention_heads", size.heads},
             {"num_key_value_heads", 1},
             {"intermediate_size", size.inner},
             {"max_position_embeddings", 128},
             {"rms_norm_eps", 1e-5},
             {"hidden_act", "silu"},
             {"rope_theta", 10000.0},
             {"tie_word_embeddings", size.tied},
             {"bos_token_id", 0},
             {"eos_token_id", 0}},
            size);
  return folder;
}

inline fs::path write_toy_gpt2(const fs::path& folder, const ToySize& size) {
  const int64_t V = 257 + int64_t(size.merges.size()), D = size.width;
  const double scale = 1.5 / std::sqrt(double(D));
  ToyWriter out;
  out.add("transformer.wte.weight", {V, D}, size.table_seed, 0.7);
  out.add("transformer.wpe.weight", {128, D}, size.seed, 0.3);
  for (const char* name : {"transformer.ln_f"}) {
    out.add(std::string(name) + ".weight", {D}, size.seed, 0.1, 1.0);
    out.add(std::string(name) + ".bias", {D}, size.seed, 0.1);
  }
  for (int64_t layer = 0; layer < size.layers; ++layer) {
    const std::string at = "transformer.h." + std::to_string(layer) + ".";
    for (const char* norm : {"ln_1", "ln_2"}) {
      out.add(at + norm + ".weight", {D}, size.seed, 0.1, 1.0);
      out.add(at + norm + ".bias", {D}, size.seed, 0.1);
    }
    const std::pair<const char*, std::pair<int64_t, int64_t>> matrices[] = {// stored [in, out]
                                                                            {"attn.c_attn", {D, 3 * D}},
                                                                            {"attn.c_proj", {D, D}},
                                                                            {"mlp.c_fc", {D, 4 * D}},
                                                                            {"mlp.c_proj", {4 * D, D}}};
    for (const auto& [name, shape] : matrices) {
      out.add(at + name + ".weight", {shape.first, shape.second}, size.seed, scale);
      out.add(at + name + ".bias", {shape.second}, size.seed, 0.1);
    }
  }
  out.write(folder,
            {{"architectures", {"GPT2LMHeadModel"}},
             {"model_type", "gpt2"},
             {"vocab_size", V},
             {"n_embd", D},
             {"n_layer", size.layers},
             {"n_head", size.heads},
             {"n_positions", 128},
             {"layer_norm_epsilon", 1e-5},
             {"activation_function", "gelu_new"},
             {"tie_word_embeddings", true},
             {"bos_token_id", 0},
             {"eos_token_id", 0}},
            size);
  return folder;
}

inline std::shared_ptr<Model> open_exact(const fs::path& folder) {
  InferenceOptions options;
  options.precision = Precision::Exact;
  return open_model(folder, options);
}

}  // namespace limpid::testing_support
