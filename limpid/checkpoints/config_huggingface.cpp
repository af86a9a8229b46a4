#include "limpid/checkpoints/family_parts.h"
#include "limpid/checkpoints/known_settings.h"

namespace limpid {
namespace {

const Family* family_of_model_type(const std::string& model_type) {
  for (const auto& [name, family] : families())
    for (const std::string& known : family.model_types)
      if (known == model_type) return &family;
  return nullptr;
}

/// Returns a token id, -1 for none. Ids outside the vocabulary occur in published files (-1, or a pad id never added)
/// and mean none.
int64_t token_id(const Json& object, const char* key, int64_t vocab_size, const std::string& place) {
  const auto value = object.find(key);
  if (value == object.end() || value->is_null()) return -1;
  const int64_t id = require<int64_t>(object, key, place);
  return id >= 0 && id < vocab_size ? id : -1;
}

std::vector<int64_t> token_ids(const Json& object, const char* key, int64_t vocab_size, const std::string& place) {
  std::vector<int64_t> ids;
  const auto value = object.find(key);
  if (value == object.end() || value->is_null()) return ids;
  if (!value->is_array()) {
    const int64_t id = token_id(object, key, vocab_size, place);
    if (id >= 0) ids.push_back(id);
    return ids;
  }
  for (const Json& entry : *value) {
    LIMPID_CHECK(entry.is_number_integer(), FormatError, place, ": \"", key, "\" holds ", json_kind(entry),
                 ", expected integers");
    const auto id = entry.get<int64_t>();
    if (id >= 0 && id < vocab_size) ids.push_back(id);
  }
  return ids;
}

void read_special_ids(const Json& config, const Json& outer, const Json& generation, const std::string& source,
                      ModelConfig& out) {
  const std::string place = "[config] " + source;
  const std::string generation_place =
      "[config] " + (fs::path(source).parent_path() / "generation_config.json").string();
  const Json empty = Json::object();
  struct File {
    const Json& object;
    const std::string& place;
  };
  const File files[] = {
      {generation.is_object() ? generation : empty, generation_place}, {outer, place}, {config, place}};
  for (const File& file : files) {
    if (out.eos_ids.empty()) out.eos_ids = token_ids(file.object, "eos_token_id", out.vocab_size, file.place);
    if (out.bos_id < 0) out.bos_id = token_id(file.object, "bos_token_id", out.vocab_size, file.place);
    if (out.pad_id < 0) out.pad_id = token_id(file.object, "pad_token_id", out.vocab_size, file.place);
  }
}

/// Refuses settings of a multimodal config beside its text part that are not about images and sound.
void check_multimodal(const Json& file, const std::string& place) {
  const ConfigKeys keys(file, place, /*strict=*/true);
  keys.pass_over({"text_config", "vision_config", "audio_config", "mm_tokens_per_image", "tie_word_embeddings"});
  keys.refuse_unread();
}

}  // namespace

ModelConfig config_from_huggingface(Json file, const Json& generation, const std::string& source) {
  const std::string place = "[config] " + source;
  LIMPID_CHECK(file.is_object(), FormatError, place, ": is ", json_kind(file), ", expected an object");
  remove_ignored_settings(file, place);
  ModelConfig config;
  config.source = source;
  const std::string model_type = require<std::string>(file, "model_type", place);
  const Family* family = family_of_model_type(model_type);
  config.architecture = family ? family->name : model_type;
  const auto classes = file.find("architectures");
  if (classes != file.end() && classes->is_array() && !classes->empty() && classes->front().is_string())
    config.model_class = classes->front().get<std::string>();

  const bool nested =
      family && file.contains("text_config") && file["text_config"].is_object();  // multimodal: the text part
  const Json outer = Json::object({{"eos_token_id", file.value("eos_token_id", Json())},
                                   {"bos_token_id", file.value("bos_token_id", Json())},
                                   {"pad_token_id", file.value("pad_token_id", Json())}});
  if (nested) check_multimodal(file, place);
  if (nested) file = Json(std::move(file["text_config"]));
  config.raw = std::move(file);
  const ConfigKeys keys(config.raw, place, /*strict=*/family);
  read_settings(keys, family, config);
  read_special_ids(config.raw, outer, generation, source, config);
  if (!family) return config;
  if (family->read_config) family->read_config(keys, config);
  check_config(config);
  keys.pass_over({"quantization_config"});  // of the weights, whose reader looks at it
  keys.refuse_unread();
  return config;
}

}  // namespace limpid
