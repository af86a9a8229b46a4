#include <algorithm>
#include <cmath>

#include "limpid/checkpoints/config.h"
#include "limpid/checkpoints/json_guard.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"

namespace limpid {
namespace {

constexpr int64_t kGemma27bLayers = 62;

/// Metadata keys of one architecture: "llama.block_count" is key("block_count").
struct GgufKeys {
  const GgufFile& file;
  std::string prefix;
  bool strict;

  std::string key(const char* name) const { return prefix + name; }
  bool has(const char* name) const { return file.has(key(name)); }
  int64_t integer(const char* name) const { return strict ? file.integer(key(name)) : file.integer_or(key(name), 0); }
  int64_t integer_or(const char* name, int64_t fallback) const { return file.integer_or(key(name), fallback); }
  double number_or(const char* name, double fallback) const { return file.number_or(key(name), fallback); }
};

int64_t vocab_size(const GgufKeys& keys, const std::string& where) {
  // The embedding decides; a file may pad it beyond the list of tokens.
  if (const TensorView* embedding = keys.file.find("token_embd.weight")) {
    LIMPID_CHECK(embedding->shape.size() == 2, FormatError, where, "tensor \"token_embd.weight\" has ",
                 embedding->shape.size(), " dimensions, expected 2");
    return embedding->shape[0];
  }
  if (keys.has("vocab_size")) return keys.integer("vocab_size");
  return keys.file.has("tokenizer.ggml.tokens") ? int64_t(keys.file.texts("tokenizer.ggml.tokens").size()) : 0;
}

void read_rope(const GgufKeys& keys, ModelConfig& config) {
  const bool gemma3 = config.architecture == "gemma3";
  config.rope.theta = keys.number_or("rope.freq_base", gemma3 ? 1e6 : 1e4);
  const std::string type = keys.file.text_or(keys.key("rope.scaling.type"), "none");
  using Scaling = RopeConfig::Scaling;
  config.rope.scaling = type == "none" ? Scaling::kNone : type == "linear" ? Scaling::kLinear : Scaling::kOther;
  if (config.rope.scaling == Scaling::kOther) config.rope.type_name = type;
  if (config.rope.scaling != Scaling::kNone) config.rope.factor = keys.number_or("rope.scaling.factor", 1);
  if (keys.has("rope.scale_linear")) {  // older spelling
    config.rope.scaling = Scaling::kLinear;
    config.rope.factor = keys.number_or("rope.scale_linear", 1);
  }
  if (const TensorView* divisors = keys.file.find("rope_freqs.weight")) {
    LIMPID_CHECK(divisors->elements() <= 1 << 16, FormatError, "[config] ", config.source,
                 ": tensor \"rope_freqs.weight\" has ", divisors->elements(), " elements, expected half a head");
    config.rope.scaling = Scaling::kDivisors;
    config.rope.divisors = to_floats(*divisors);
  }
  config.local_rope = config.rope;
  if (gemma3) {  // scaling is for the long reach of full layers only
    config.local_rope = RopeConfig();
    config.local_rope.theta = keys.number_or("rope.freq_base_swa", 1e4);
  }
  const int64_t rotating = keys.integer_or("rope.dimension_count", config.head_dim);
  config.rotary_fraction = config.head_dim > 0 ? double(rotating) / double(config.head_dim) : 1;
}

void read_layer_types(const GgufKeys& keys, ModelConfig& config, const std::string& where) {
  LIMPID_CHECK(config.num_layers >= 0 && config.num_layers <= 10'000, FormatError, where, "number of layers is ",
               config.num_layers, ", expected 1 to 10000");
  config.layer_types.assign(size_t(config.num_layers), LayerType::kFull);
  const bool gemma3 = config.architecture == "gemma3";
  config.sliding_window = config.architecture == "llama" ? 0 : keys.integer_or("attention.sliding_window", 0);
  if (config.sliding_window <= 0 || !gemma3) return;
  const std::string pattern_key = keys.key("attention.sliding_window_pattern");
  const auto pattern_entry = keys.file.metadata().find(pattern_key);
  int64_t pattern = 6;
  if (pattern_entry != keys.file.metadata().end()) {
    if (const auto* list = std::get_if<std::vector<bool>>(&pattern_entry->second.value)) {
      LIMPID_CHECK(list->size() == config.layer_types.size(), FormatError, where, "metadata ", quote(pattern_key),
                   " has ", list->size(), " entries for ", config.num_layers, " layers");
      for (size_t i = 0; i < list->size(); ++i)
        if ((*list)[i]) config.layer_types[i] = LayerType::kSliding;
      return;
    }
    pattern = keys.file.integer(pattern_key);
    LIMPID_CHECK(pattern > 0, FormatError, where, "metadata ", quote(pattern_key), " is ", pattern,
                 ", expected a positive integer");
  }
  for (int64_t i = 0; i < config.num_layers; ++i)
    if ((i + 1) % pattern != 0) config.layer_types[size_t(i)] = LayerType::kSliding;
}

void read_special_ids(const GgufFile& file, ModelConfig& config) {
  const auto id = [&](const char* key) {
    const int64_t value = file.integer_or(key, -1);
    return value >= 0 && value < config.vocab_size ? value : -1;
  };
  config.bos_id = id("tokenizer.ggml.bos_token_id");
  config.pad_id = id("tokenizer.ggml.padding_token_id");
  for (const char* key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    const int64_t value = id(key);
    if (value >= 0 && std::find(config.eos_ids.begin(), config.eos_ids.end(), value) == config.eos_ids.end())
      config.eos_ids.push_back(value);
  }
}

}  // namespace

ModelConfig config_from_gguf(const GgufFile& file) {
  const std::string where = concat("[config] ", file.source(), ": ");
  ModelConfig config;
  config.source = file.source();
  config.from_gguf = true;
  config.architecture = file.text("general.architecture");
  const std::string& name = config.architecture;
  const bool known = name == "llama" || name == "gpt2" || name == "gemma3" || name == "bert";
  const GgufKeys keys{file, name + ".", known};

  config.vocab_size = vocab_size(keys, where);
  config.hidden_size = keys.integer("embedding_length");
  config.num_layers = keys.integer("block_count");
  config.num_heads = known ? keys.integer("attention.head_count") : 0;  // a list in some other families
  config.num_kv_heads = known ? keys.integer_or("attention.head_count_kv", config.num_heads) : 0;
  LIMPID_CHECK(!known || config.num_heads > 0, FormatError, where, "number of heads is ", config.num_heads,
               ", expected 1 to 65536");
  LIMPID_CHECK(!known || keys.has("attention.key_length") || config.hidden_size % config.num_heads == 0, FormatError,
               where, "hidden size ", config.hidden_size, " is not a multiple of ", config.num_heads, " heads");
  config.head_dim =
      keys.integer_or("attention.key_length", config.num_heads > 0 ? config.hidden_size / config.num_heads : 0);
  const int64_t value_length = keys.integer_or("attention.value_length", config.head_dim);
  LIMPID_CHECK(!known || value_length == config.head_dim, FormatError, where, "keys of ", config.head_dim,
               " and values of ", value_length, " are not supported");
  config.intermediate_size = known ? keys.integer("feed_forward_length") : 0;
  config.max_positions = keys.integer("context_length");
  const bool layer_norm = name == "gpt2" || name == "bert";
  config.norm_eps = keys.number_or(layer_norm ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
                                   name == "bert"     ? 1e-12
                                   : name == "gemma3" ? 1e-6
                                                      : 1e-5);
  config.activation = name == "llama"    ? "silu"
                      : name == "gpt2"   ? "gelu_new"
                      : name == "gemma3" ? "gelu_pytorch_tanh"
                      : name == "bert"   ? "gelu"
                                         : "";
  config.tie_word_embeddings = file.find("token_embd.weight") && !file.find("output.weight");
  config.attention_bias = file.find("blk.0.attn_q.bias") || file.find("blk.0.attn_qkv.bias");
  config.mlp_bias = file.find("blk.0.ffn_up.bias") != nullptr;
  if (name.starts_with("gemma")) config.embedding_scale = std::sqrt(double(config.hidden_size));

  read_rope(keys, config);
  read_layer_types(keys, config, where);
  config.attention_softcap = keys.number_or("attn_logit_softcapping", 0);
  config.final_softcap = keys.number_or("final_logit_softcapping", 0);
  if (name == "gemma3" &&
      config.num_heads > 0)  // not in the file: head_dim, but hidden_size / num_heads for the 27B model
    config.query_pre_attn_scalar =
        double(config.num_layers == kGemma27bLayers ? config.hidden_size / config.num_heads : config.head_dim);
  config.attention_scale =
      1 / std::sqrt(config.query_pre_attn_scalar > 0 ? config.query_pre_attn_scalar : double(config.head_dim));
  read_special_ids(file, config);
  if (config.is_encoder()) {
    const TensorView* types = file.find("token_types.weight");
    config.type_vocab_size = types && !types->shape.empty() ? types->shape.front() : 0;
    if (config.pad_id < 0) config.pad_id = 0;
  }
  if (known) check_config(config);
  return config;
}

ModelConfig read_config(const fs::path& path) {
  std::error_code error;
  LIMPID_CHECK(fs::exists(path, error), IoError, "[config] ", path.string(), ": no such file or folder");
  const bool beside = path.extension() == ".safetensors" || path.filename() == "config.json";  // a file of a folder
  if (!fs::is_directory(path, error) && !beside) return config_from_gguf(*GgufFile::open(path));
  const fs::path folder = beside ? path.parent_path() : path;
  const fs::path file = folder / "config.json", generation = folder / "generation_config.json";
  if (fs::exists(file, error))
    return config_from_huggingface(
        read_guarded_json(file), fs::exists(generation, error) ? read_guarded_json(generation) : Json(), file.string());
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder))
    if (entry.path().extension() == ".gguf") found.push_back(entry.path());
  LIMPID_CHECK(found.size() == 1, FormatError, "[config] ", folder.string(), ": config.json is missing",
               found.empty() ? "" : ", and there are several .gguf files; name the one you mean");
  return config_from_gguf(*GgufFile::open(found.front()));
}

}  // namespace limpid
