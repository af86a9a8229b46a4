#include <algorithm>

#include "limpid/checkpoints/family_parts.h"

namespace limpid {
namespace {

/// Returns the family of an architecture. One name may stand for a family with experts and for one without.
const Family* family_of_gguf(const std::string& architecture, bool has_experts) {
  const Family* found = nullptr;
  for (const auto& [name, family] : families())
    for (const std::string& known : family.gguf_architectures)
      if (known == architecture && (!found || family.experts.has_value() == has_experts)) found = &family;
  return found;
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
  ModelConfig config;
  config.source = file.source();
  config.from_gguf = true;
  const std::string architecture = file.text("general.architecture");
  const Family* family = family_of_gguf(architecture, file.integer_or(architecture + ".expert_count", 0) > 0);
  config.architecture = family ? family->name : architecture;
  const ConfigKeys keys(file, "[config] " + file.source(), /*strict=*/family);
  read_settings(keys, family, config);
  read_special_ids(file, config);
  if (!family) return config;
  if (family->read_config) family->read_config(keys, config);
  check_config(config);
  keys.refuse_unread();
  return config;
}

}  // namespace limpid
