#include <cmath>
#include <initializer_list>

#include "limpid/checkpoints/config.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"

namespace limpid {
namespace {

using Names = std::initializer_list<const char*>;

/// Reads keys that families spell differently; null counts as absent. Errors name file and key.
class JsonKeys {
 public:
  JsonKeys(const Json& object, std::string where, bool strict)
      : object_(object),
        where_(std::move(where)),
        strict_(strict) {}

  const char* present(Names names) const {
    for (const char* name : names)
      if (object_.contains(name) && !object_[name].is_null()) return name;
    return nullptr;
  }
  /// Without a fallback: an error in strict families, 0 in others.
  int64_t integer(Names names) const {
    if (present(names) || !strict_) return integer(names, 0);
    throw FormatError(concat(where_, ": \"", *names.begin(), "\" is missing"));
  }
  int64_t integer(Names names, int64_t fallback) const {
    const char* name = present(names);
    if (!name) return fallback;
    const Json& value = object_[name];
    LIMPID_CHECK(!value.is_number_unsigned() || value.get<uint64_t>() <= uint64_t(INT64_MAX), FormatError, where_,
                 ": \"", name, "\" is ", value.get<uint64_t>(), ", far too large");
    return require<int64_t>(object_, name, where_);
  }
  double number(Names names, double fallback) const {
    const char* name = present(names);
    return name ? require<double>(object_, name, where_) : fallback;
  }
  bool boolean(const char* name, bool fallback) const { return get_or<bool>(object_, name, fallback, where_); }
  std::string text(Names names, std::string fallback) const {
    const char* name = present(names);
    return name ? require<std::string>(object_, name, where_) : fallback;
  }
  JsonKeys inside(const char* name) const {
    LIMPID_CHECK(object_[name].is_object(), FormatError, where_, ": \"", name, "\" is ", json_kind(object_[name]),
                 ", expected an object");
    return JsonKeys(object_[name], concat(where_, ": \"", name, "\""), strict_);
  }
  const Json& operator[](const char* name) const { return object_[name]; }
  const std::string& where() const { return where_; }

 private:
  const Json& object_;
  std::string where_;
  bool strict_;
};

/// What a family's config class assumes where config.json is silent (transformers writes only what differs in
/// places).
struct Family {
  const char* name;
  const char* activation;
  double eps;
  int64_t max_positions;
  bool tied;
};
constexpr Family kFamilies[] = {
    {"llama", "silu", 1e-6, 2048, false},
    {"gpt2", "gelu_new", 1e-5, 1024, true},
    {"gemma3", "gelu_pytorch_tanh", 1e-6, 131072, true},
    {"bert", "gelu", 1e-12, 512, true},
    {"roberta", "gelu", 1e-12, 512, true},
    {"distilbert", "gelu", 1e-12, 512, true},
};
constexpr Family kOtherFamily = {"", "", 1e-5, 0, true};

std::string family_name(const std::string& model_type) {
  if (model_type == "gemma3_text") return "gemma3";
  if (model_type == "xlm-roberta") return "roberta";  // the same network with another vocabulary
  return model_type;
}

void read_scaling(const JsonKeys& keys, RopeConfig& rope) {
  const std::string type = keys.text({"rope_type", "type"}, "default");
  using Scaling = RopeConfig::Scaling;
  rope.scaling = type == "default"  ? Scaling::kNone
                 : type == "linear" ? Scaling::kLinear
                 : type == "llama3" ? Scaling::kLlama3
                                    : Scaling::kOther;
  if (rope.scaling == Scaling::kOther) rope.type_name = type;
  if (rope.scaling == Scaling::kNone) return;
  rope.factor = keys.number({"factor"}, 1);
  rope.low_freq_factor = keys.number({"low_freq_factor"}, 1);
  rope.high_freq_factor = keys.number({"high_freq_factor"}, 4);
  rope.original_max_position = keys.integer({"original_max_position_embeddings"}, 0);
}

/// Three spellings: rope_theta with rope_scaling; rope_parameters; rope_parameters for each type of layer.
void read_rope(const JsonKeys& keys, ModelConfig& config) {
  const bool gemma3 = config.architecture == "gemma3";
  config.rope.theta = keys.number({"rope_theta", "rotary_emb_base"}, gemma3 ? 1e6 : 1e4);
  config.rotary_fraction = keys.number({"partial_rotary_factor", "rotary_pct"}, 1);
  if (keys.present({"rope_scaling"})) read_scaling(keys.inside("rope_scaling"), config.rope);
  config.local_rope = config.rope;
  if (gemma3) {  // scaling is for the long reach of full layers only
    config.local_rope = RopeConfig();
    config.local_rope.theta = keys.number({"rope_local_base_freq"}, 1e4);
  }
  if (!keys.present({"rope_parameters"})) return;
  const JsonKeys parameters = keys.inside("rope_parameters");
  const auto read = [&](const JsonKeys& from, RopeConfig& rope) {
    const double theta = from.number({"rope_theta"}, rope.theta);
    rope = RopeConfig();
    rope.theta = theta;
    read_scaling(from, rope);
    config.rotary_fraction = from.number({"partial_rotary_factor"}, config.rotary_fraction);
  };
  const bool full = parameters.present({"full_attention"}), sliding = parameters.present({"sliding_attention"});
  if (full) read(parameters.inside("full_attention"), config.rope);
  if (sliding) read(parameters.inside("sliding_attention"), config.local_rope);
  if (full || sliding) return;
  read(parameters, config.rope);
  if (!gemma3) config.local_rope = config.rope;
}

void read_layer_types(const JsonKeys& keys, ModelConfig& config) {
  LIMPID_CHECK(config.num_layers >= 0 && config.num_layers <= 10'000, FormatError, keys.where(),
               ": number of layers is ", config.num_layers, ", expected 1 to 10000");
  const bool may_slide = config.architecture != "llama" && keys.boolean("use_sliding_window", true);
  config.sliding_window = may_slide ? keys.integer({"sliding_window"}, config.architecture == "gemma3" ? 4096 : 0) : 0;
  config.layer_types.assign(size_t(config.num_layers), LayerType::kFull);
  if (keys.present({"layer_types"})) {
    const Json& list = keys["layer_types"];
    LIMPID_CHECK(list.is_array() && list.size() == config.layer_types.size(), FormatError, keys.where(),
                 ": \"layer_types\" ",
                 list.is_array() ? concat("has ", list.size(), " entries") : concat("is ", json_kind(list)),
                 ", expected one for each of ", config.num_layers, " layers");
    for (size_t i = 0; i < list.size(); ++i) {
      const bool slides = list[i] == "sliding_attention";
      LIMPID_CHECK(slides || list[i] == "full_attention", FormatError, keys.where(), ": \"layer_types\" entry ", i,
                   " is not \"full_attention\" or \"sliding_attention\"");
      if (slides) config.layer_types[i] = LayerType::kSliding;
    }
    return;
  }
  if (config.sliding_window <= 0) return;
  int64_t pattern = 0;  // every pattern-th layer is full; 0: none is
  if (config.architecture == "gemma2") pattern = 2;
  if (config.architecture == "gemma3") pattern = keys.integer({"sliding_window_pattern", "_sliding_window_pattern"}, 6);
  LIMPID_CHECK(pattern >= 0, FormatError, keys.where(), ": \"sliding_window_pattern\" is ", pattern,
               ", expected a positive integer");
  for (int64_t i = 0; i < config.num_layers; ++i)
    if (pattern == 0 || (i + 1) % pattern != 0) config.layer_types[size_t(i)] = LayerType::kSliding;
}

/// A token id, -1 for none. Ids outside the vocabulary occur in published files (-1, or a pad id never added)
/// and mean none.
int64_t token_id(const Json& object, const char* key, int64_t vocab_size, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return -1;
  const int64_t id = require<int64_t>(object, key, where);
  return id >= 0 && id < vocab_size ? id : -1;
}

std::vector<int64_t> token_ids(const Json& object, const char* key, int64_t vocab_size, const std::string& where) {
  std::vector<int64_t> ids;
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return ids;
  if (!found->is_array()) {
    const int64_t id = token_id(object, key, vocab_size, where);
    if (id >= 0) ids.push_back(id);
    return ids;
  }
  for (const Json& entry : *found) {
    LIMPID_CHECK(entry.is_number_integer(), FormatError, where, ": \"", key, "\" holds ", json_kind(entry),
                 ", expected integers");
    const auto id = entry.get<int64_t>();
    if (id >= 0 && id < vocab_size) ids.push_back(id);
  }
  return ids;
}

void read_special_ids(const Json& config, const Json& outer, const Json& generation, const std::string& source,
                      ModelConfig& out) {
  const std::string where = "[config] " + source;
  const std::string generation_where =
      "[config] " + (fs::path(source).parent_path() / "generation_config.json").string();
  const Json empty = Json::object();
  struct Place {
    const Json& object;
    const std::string& where;
  };
  const Place places[] = {
      {generation.is_object() ? generation : empty, generation_where}, {outer, where}, {config, where}};
  for (const Place& place : places) {
    if (out.eos_ids.empty()) out.eos_ids = token_ids(place.object, "eos_token_id", out.vocab_size, place.where);
    if (out.bos_id < 0) out.bos_id = token_id(place.object, "bos_token_id", out.vocab_size, place.where);
    if (out.pad_id < 0) out.pad_id = token_id(place.object, "pad_token_id", out.vocab_size, place.where);
  }
}

void read_encoder(const JsonKeys& keys, ModelConfig& config) {
  const bool roberta = config.architecture == "roberta";
  config.type_vocab_size = config.architecture == "distilbert" ? 0 : keys.integer({"type_vocab_size"}, 2);
  if (config.pad_id < 0) config.pad_id = roberta ? 1 : 0;
  config.position_offset = roberta ? config.pad_id + 1 : 0;
  config.problem_type = keys.text({"problem_type"}, "");
  for (const char* style : {"position_embedding_type"})
    LIMPID_CHECK(keys.text({style}, "absolute") == "absolute", FormatError, keys.where(), ": \"", style, "\" is ",
                 quote(keys.text({style}, "")), ", expected \"absolute\"");
  if (!config.model_class.ends_with("Classification")) return;
  config.num_labels = keys.integer({"num_labels"}, 2);
  if (!keys.present({"id2label"})) {
    LIMPID_CHECK(config.num_labels > 0 && config.num_labels <= 100'000, FormatError, keys.where(),
                 ": \"num_labels\" is ", config.num_labels, ", expected 1 to 100000");
    for (int64_t i = 0; i < config.num_labels; ++i) config.labels.push_back(concat("LABEL_", i));
    return;
  }
  const Json& names = keys["id2label"];
  LIMPID_CHECK(names.is_object() && !names.empty(), FormatError, keys.where(), ": \"id2label\" is ",
               names.is_object() ? "empty" : json_kind(names), ", expected an object from ids to names");
  for (size_t i = 0; i < names.size(); ++i) {
    const auto found = names.find(std::to_string(i));
    LIMPID_CHECK(found != names.end() && found->is_string(), FormatError, keys.where(), ": \"id2label\" has ",
                 names.size(), " entries, but none named \"", i, "\" with a string");
    config.labels.push_back(found->get<std::string>());
  }
  config.num_labels = int64_t(config.labels.size());
}

void read_sizes(const JsonKeys& keys, const Family& family, bool known, ModelConfig& config) {
  const bool gemma3 = config.architecture == "gemma3";  // multimodal files leave out what equals the class's defaults
  config.hidden_size = keys.integer({"hidden_size", "n_embd", "d_model", "dim"});
  config.num_layers = keys.integer({"num_hidden_layers", "n_layer", "n_layers", "num_layers"});
  config.vocab_size = gemma3 ? keys.integer({"vocab_size"}, 262208) : keys.integer({"vocab_size"});
  config.num_heads =
      gemma3 ? keys.integer({"num_attention_heads"}, 8) : keys.integer({"num_attention_heads", "n_head", "n_heads"});
  config.num_kv_heads = keys.integer({"num_key_value_heads", "num_kv_heads"}, gemma3 ? 4 : config.num_heads);
  if (config.architecture == "falcon" && keys.boolean("multi_query", true) &&
      !keys.boolean("new_decoder_architecture", false))
    config.num_kv_heads = 1;
  const int64_t four_times = config.hidden_size > 0 && config.hidden_size <= 1 << 20 ? 4 * config.hidden_size : 0;
  const bool may_lack = !known || config.architecture == "gpt2";
  const Names intermediate = {"intermediate_size", "n_inner", "ffn_dim", "hidden_dim", "ffn_hidden_size"};
  config.intermediate_size = may_lack ? keys.integer(intermediate, four_times) : keys.integer(intermediate);
  config.max_positions =
      keys.integer({"max_position_embeddings", "n_positions", "max_seq_len", "n_ctx"}, family.max_positions);
  LIMPID_CHECK(!known || config.num_heads > 0, FormatError, keys.where(), ": number of heads is ", config.num_heads,
               ", expected 1 to 65536");
  const bool given = keys.present({"head_dim"}) || gemma3;
  LIMPID_CHECK(!known || given || config.hidden_size % config.num_heads == 0, FormatError, keys.where(),
               ": hidden size ", config.hidden_size, " is not a multiple of ", config.num_heads, " heads");
  config.head_dim = keys.integer({"head_dim"}, gemma3                 ? 256
                                               : config.num_heads > 0 ? config.hidden_size / config.num_heads
                                                                      : 0);
}

}  // namespace

ModelConfig config_from_huggingface(Json file, const Json& generation, const std::string& source) {
  const std::string where = "[config] " + source;
  LIMPID_CHECK(file.is_object(), FormatError, where, ": is ", json_kind(file), ", expected an object");
  ModelConfig config;
  config.source = source;
  const std::string model_type = require<std::string>(file, "model_type", where);
  config.architecture = family_name(model_type);
  const auto classes = file.find("architectures");
  if (classes != file.end() && classes->is_array() && !classes->empty() && classes->front().is_string())
    config.model_class = classes->front().get<std::string>();

  const Family* family = &kOtherFamily;
  for (const Family& candidate : kFamilies)
    if (config.architecture == candidate.name) family = &candidate;
  const bool known = family != &kOtherFamily;
  const bool nested =
      known && file.contains("text_config") && file["text_config"].is_object();  // multimodal: the text part
  const Json outer = Json::object({{"eos_token_id", file.value("eos_token_id", Json())},
                                   {"bos_token_id", file.value("bos_token_id", Json())},
                                   {"pad_token_id", file.value("pad_token_id", Json())}});
  if (nested) file = Json(std::move(file["text_config"]));
  config.raw = std::move(file);
  const JsonKeys keys(config.raw, where, known);

  read_sizes(keys, *family, known, config);
  config.norm_eps = keys.number({"rms_norm_eps", "layer_norm_epsilon", "layer_norm_eps", "norm_epsilon"}, family->eps);
  config.activation =
      keys.text({"hidden_activation", "hidden_act", "activation_function", "activation"}, family->activation);
  config.tie_word_embeddings = keys.boolean("tie_word_embeddings", family->tied);
  const bool biased = config.architecture == "gpt2" || config.is_encoder();
  config.attention_bias = keys.boolean("attention_bias", biased);
  config.mlp_bias = keys.boolean("mlp_bias", biased);
  if (config.architecture.starts_with("gemma")) config.embedding_scale = std::sqrt(double(config.hidden_size));
  read_rope(keys, config);
  read_layer_types(keys, config);
  config.attention_softcap = keys.number({"attn_logit_softcapping"}, 0);
  config.final_softcap = keys.number({"final_logit_softcapping"}, 0);
  config.query_pre_attn_scalar = keys.number({"query_pre_attn_scalar"}, config.architecture == "gemma3" ? 256 : 0);
  const bool scaled = keys.boolean("scale_attn_weights", true);  // GPT-2
  const bool has_scalar = config.architecture == "gemma3" || config.query_pre_attn_scalar != 0;
  config.attention_scale =
      !scaled ? 1 : 1 / std::sqrt(has_scalar ? config.query_pre_attn_scalar : double(config.head_dim));
  LIMPID_CHECK(!known || !keys.boolean("scale_attn_by_inverse_layer_idx", false), FormatError, where,
               ": \"scale_attn_by_inverse_layer_idx\" is true, which is not supported");
  read_special_ids(config.raw, outer, generation, source, config);
  if (config.is_encoder()) read_encoder(keys, config);
  if (known) check_config(config);
  return config;
}

}  // namespace limpid
