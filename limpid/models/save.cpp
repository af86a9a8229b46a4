#include "limpid/models/save.h"

#include <cmath>
#include <numbers>

#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/watch.h"
#include "limpid/tokenizers/write_tokenizer_json.h"

namespace limpid {
namespace {

/// GGUF keeps Llama 3's scaling as one divisor per frequency. The three numbers behind them are those of every
/// published Llama 3.x model but the factor, which is the largest divisor; they are taken only if they give the
/// divisors back.
Json llama3_scaling(const ModelConfig& config) {
  const auto& divisors = config.rope.divisors;
  const double factor = *std::max_element(divisors.begin(), divisors.end()), low = 1.0, high = 4.0, original = 8192.0;
  for (size_t i = 0; i < divisors.size(); ++i) {
    const double frequency = std::pow(config.rope.theta, -double(2 * i) / double(2 * divisors.size()));
    const double wavelength = 2.0 * std::numbers::pi / frequency;
    double expected = 1.0;
    if (wavelength > original / low) {
      expected = factor;
    } else if (wavelength > original / high) {
      const double blend = (original / wavelength - low) / (high - low);
      expected = 1.0 / ((1.0 - blend) / factor + blend);
    }
    LIMPID_CHECK(std::fabs(double(divisors[i]) - expected) < 1e-3 * expected, ConfigError, config.source,
                 ": the rope divisors are not those of Llama 3's rule, so config.json cannot say them; train from the "
                 "Hugging Face folder instead");
  }
  return {{"rope_type", "llama3"},
          {"factor", factor},
          {"low_freq_factor", low},
          {"high_freq_factor", high},
          {"original_max_position_embeddings", int64_t(original)}};
}

Json rope_scaling(const ModelConfig& config) {
  using Scaling = RopeConfig::Scaling;
  const RopeConfig& rope = config.rope;
  switch (rope.scaling) {
    case Scaling::kNone: return nullptr;
    case Scaling::kLinear: return {{"rope_type", "linear"}, {"factor", rope.factor}};
    case Scaling::kDivisors: return llama3_scaling(config);
    case Scaling::kLlama3:
      return {{"rope_type", "llama3"},
              {"factor", rope.factor},
              {"low_freq_factor", rope.low_freq_factor},
              {"high_freq_factor", rope.high_freq_factor},
              {"original_max_position_embeddings", rope.original_max_position}};
    case Scaling::kOther: break;
  }
  throw ConfigError(concat(config.source, ": rope scaling \"", rope.type_name, "\" cannot be written to config.json"));
}

Json layer_types(const ModelConfig& config) {
  Json types = Json::array();
  for (int64_t layer = 0; layer < config.num_layers; ++layer)
    types.push_back(config.layer_types.at(size_t(layer)) == LayerType::kSliding ? "sliding_attention"
                                                                                : "full_attention");
  return types;
}

Json gpt2_config(const ModelConfig& c) {
  return {{"model_type", "gpt2"},
          {"architectures", {"GPT2LMHeadModel"}},
          {"n_embd", c.hidden_size},
          {"n_layer", c.num_layers},
          {"n_head", c.num_heads},
          {"n_inner", c.intermediate_size},
          {"n_positions", c.max_positions},
          {"layer_norm_epsilon", c.norm_eps},
          {"activation_function", c.activation}};
}

Json llama_config(const ModelConfig& c) {
  return {{"model_type", "llama"},
          {"architectures", {"LlamaForCausalLM"}},
          {"hidden_size", c.hidden_size},
          {"num_hidden_layers", c.num_layers},
          {"num_attention_heads", c.num_heads},
          {"num_key_value_heads", c.num_kv_heads},
          {"head_dim", c.head_dim},
          {"intermediate_size", c.intermediate_size},
          {"max_position_embeddings", c.max_positions},
          {"rms_norm_eps", c.norm_eps},
          {"hidden_act", c.activation},
          {"attention_bias", c.attention_bias},
          {"mlp_bias", c.mlp_bias},
          {"rope_theta", c.rope.theta},
          {"rope_scaling", rope_scaling(c)}};
}

Json gemma3_config(const ModelConfig& c) {
  Json json = llama_config(c);
  json["model_type"] = "gemma3_text";
  json["architectures"] = {"Gemma3ForCausalLM"};
  json.erase("hidden_act");
  json.erase("mlp_bias");
  json["hidden_activation"] = c.activation;
  json["rope_local_base_freq"] = c.local_rope.theta;
  json["sliding_window"] = c.sliding_window;
  // transformers takes an integer only, and no published model has another.
  const auto scalar = int64_t(c.query_pre_attn_scalar);
  json["query_pre_attn_scalar"] =
      double(scalar) == c.query_pre_attn_scalar ? Json(scalar) : Json(c.query_pre_attn_scalar);
  json["layer_types"] = layer_types(c);
  return json;
}

bool is_gemma_norm(const ModelConfig& config, const std::string& name) {
  return config.architecture == "gemma3" && name.ends_with("norm.weight");
}

/// @param base  the folder that tokenizer files are copied from, a tokenizer.json, or the GGUF file they are made from
void write_tokenizer(const fs::path& base, const fs::path& folder, Watch& watch) {
  if (base.extension() == ".json") {
    write_file(folder / "tokenizer.json", read_file(base));
    return;
  }
  if (fs::exists(base / "tokenizer.json") || fs::exists(base / "vocab.json")) {
    for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json",
                             "merges.txt", "tokenizer.model", "added_tokens.json", "chat_template.jinja"})
      if (fs::exists(base / name)) write_file(folder / name, read_file(base / name));
    return;
  }
  if (fs::exists(base / "config.json")) return;  // a model without a tokenizer
  const auto checkpoint = Checkpoint::open(base);
  const auto* file = dynamic_cast<const GgufFile*>(checkpoint.get());
  if (!file || !write_tokenizer_json(*file, folder))
    watch.warning(concat(folder.string(), ": the tokenizer of ", base.filename().string(),
                         " cannot be written as tokenizer.json; use the base's own for this model"));
}

}  // namespace

std::string stored_name(const ModelConfig& config, const std::string& name) {
  return config.architecture == "gpt2" && !name.starts_with("lm_head.") ? "transformer." + name : name;
}

Tensor stored_layout(const ModelConfig& config, const std::string& name, const Tensor& value) {
  const bool conv1d =
      config.architecture == "gpt2" && name.find(".c_") != std::string::npos && name.ends_with(".weight");
  return conv1d ? value.t().contiguous() : value.contiguous();
}

Json hf_config(const ModelConfig& c) {
  Json json = c.raw;
  if (!json.is_object()) {
    json = c.architecture == "gpt2" ? gpt2_config(c) : c.architecture == "gemma3" ? gemma3_config(c) : llama_config(c);
    json["vocab_size"] = c.vocab_size;
    json["tie_word_embeddings"] = c.tie_word_embeddings;
    if (c.bos_id >= 0) json["bos_token_id"] = c.bos_id;
    if (c.pad_id >= 0) json["pad_token_id"] = c.pad_id;
    if (!c.eos_ids.empty()) json["eos_token_id"] = c.eos_ids.size() == 1 ? Json(c.eos_ids[0]) : Json(c.eos_ids);
  }
  json[json.contains("n_layer") ? "n_layer" : "num_hidden_layers"] = c.num_layers;
  if (json.contains("layer_types")) json["layer_types"] = layer_types(c);
  json[json.contains("dtype") ? "dtype" : "torch_dtype"] = "float32";
  json.erase("quantization_config");
  return json;
}

void save_hf_folder(const Model& model, const fs::path& folder, const std::map<std::string, std::string>& metadata,
                    const ModelChanges& changes, Watch& watch) {
  const ModelConfig& config = model.config();
  LIMPID_CHECK(!model.parameters().empty(), ConfigError, "[save] ", model.path().string(),
               " was opened for inference; open it trainable to save it");
  std::map<std::string, std::string> about = metadata;
  about["format"] = "pt";  // what transformers asks for
  std::vector<Tensor> values;
  std::vector<TensorView> views;
  std::map<std::string, Tensor> all = model.parameters();
  for (const auto& [name, tensor] : changes.tensors) all[name] = tensor;
  for (const auto& [name, parameter] : all) {
    Tensor value = stored_layout(config, name, parameter.detach());
    if (config.from_gguf && is_gemma_norm(config, name))
      value = value - 1.0f;  // GGUF has the 1 of (1 + weight) added in
    values.push_back(value);
    views.push_back({stored_name(config, name),
                     DType::F32,
                     value.sizes().vec(),
                     {reinterpret_cast<const std::byte*>(value.const_data_ptr<float>()), size_t(value.nbytes())}});
  }
  Json json = hf_config(config);
  json.update(changes.config);
  Json generation = {{"_from_model_config", true}};
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"})
    if (json.contains(key) && !json[key].is_null()) generation[key] = json[key];
  const fs::path base_generation = model.path() / "generation_config.json";
  fs::create_directories(folder);
  write_tokenizer(changes.tokenizer.empty() ? model.path() : changes.tokenizer, folder, watch);
  write_file(folder / "generation_config.json",
             !model.path().empty() && !config.from_gguf && fs::exists(base_generation) ? read_file(base_generation)
                                                                                       : to_text(generation, 2) + "\n");
  write_safetensors(folder / "model.safetensors", views, about);
  write_file(folder / "config.json", to_text(json, 2) + "\n");  // last: a folder with it is whole
}

}  // namespace limpid
