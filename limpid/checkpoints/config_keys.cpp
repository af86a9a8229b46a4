#include "limpid/checkpoints/config_keys.h"

namespace limpid {

ConfigKeys::ConfigKeys(const GgufFile& file, std::string place, bool strict)
    : gguf_(&file),
      prefix_(file.text("general.architecture") + "."),
      place_(std::move(place)),
      strict_(strict) {}

const char* ConfigKeys::spelling(const ConfigKey& key) const {
  if (gguf_) return key.gguf && gguf_->has(gguf_key(key.gguf)) ? key.gguf : nullptr;
  for (const char* name : key.json)
    if (name && json_->contains(name) && !(*json_)[name].is_null()) return name;
  return nullptr;
}

bool ConfigKeys::has(const ConfigKey& key) const { return spelling(key) != nullptr; }

int64_t ConfigKeys::integer(const ConfigKey& key) const {
  if (!strict_ || has(key)) return integer_or(key, 0);
  if (gguf_) return gguf_->integer(gguf_key(key.gguf));  // says what is missing
  throw FormatError(concat(place_, ": \"", key.json[0], "\" is missing"));
}

int64_t ConfigKeys::integer(const ConfigKey& key, int64_t class_default) const {
  return json_ && class_default != 0 ? integer_or(key, class_default) : integer(key);
}

int64_t ConfigKeys::integer_or(const ConfigKey& key, int64_t fallback) const {
  const char* name = spelling(key);
  if (!name) return fallback;
  if (gguf_) return gguf_->integer(gguf_key(name));
  const Json& value = (*json_)[name];
  LIMPID_CHECK(!value.is_number_unsigned() || value.get<uint64_t>() <= uint64_t(INT64_MAX), FormatError, place_, ": \"",
               name, "\" is ", value.get<uint64_t>(), ", far too large");
  return require<int64_t>(*json_, name, place_);
}

double ConfigKeys::number_or(const ConfigKey& key, double fallback) const {
  const char* name = spelling(key);
  if (!name) return fallback;
  return gguf_ ? gguf_->number(gguf_key(name)) : require<double>(*json_, name, place_);
}

bool ConfigKeys::boolean_or(const ConfigKey& key, bool fallback) const {
  const char* name = spelling(key);
  if (!name) return fallback;
  return gguf_ ? gguf_->boolean(gguf_key(name)) : require<bool>(*json_, name, place_);
}

std::string ConfigKeys::text_or(const ConfigKey& key, std::string fallback) const {
  const char* name = spelling(key);
  if (!name) return fallback;
  return gguf_ ? gguf_->text(gguf_key(name)) : require<std::string>(*json_, name, place_);
}

ConfigKeys ConfigKeys::inside(const char* name) const {
  const Json& object = (*json_)[name];
  LIMPID_CHECK(object.is_object(), FormatError, place_, ": \"", name, "\" is ", json_kind(object),
               ", expected an object");
  return ConfigKeys(object, concat(place_, ": \"", name, "\""), strict_);
}

}  // namespace limpid
