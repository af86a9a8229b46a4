#include "limpid/checkpoints/config_keys.h"

#include "limpid/checkpoints/known_settings.h"
#include "limpid/core/warnings.h"

namespace limpid {
namespace {

/// Returns a value of GGUF metadata as config.json would have it.
Json as_json(const GgufValue& metadata) {
  return std::visit([](const auto& value) { return Json(value); }, metadata.value);
}

}  // namespace

ConfigKeys::ConfigKeys(const GgufFile& file, std::string place, bool strict)
    : gguf_(&file),
      prefix_(file.text("general.architecture") + "."),
      place_(std::move(place)),
      strict_(strict) {}

const char* ConfigKeys::json_spelling(const ConfigKey& key) const {
  const char* found = nullptr;
  for (const char* name : key.json) {
    if (!name) continue;
    known_.insert(name);
    if (!json_->contains(name) || (*json_)[name].is_null()) continue;
    LIMPID_CHECK(!found || (*json_)[found] == (*json_)[name], ConfigError, place_, ": \"", found, "\" is ",
                 shown((*json_)[found]), " and \"", name, "\", another spelling of it, ", shown((*json_)[name]),
                 "; expected one of them, or both alike");
    if (!found) found = name;
  }
  return found;
}

const char* ConfigKeys::spelling(const ConfigKey& key) const {
  if (json_) return json_spelling(key);
  if (!key.gguf) return nullptr;
  const std::string name = gguf_key(key.gguf);
  known_.insert(name);
  if (!gguf_->has(name)) return nullptr;
  if (!is_ignored_setting(name)) return key.gguf;
  warn(concat(place_, ": \"", name, "\" is ignored as asked for"));
  return nullptr;
}

void ConfigKeys::pass_over(std::initializer_list<const char*> names) const {
  for (const char* name : names) known_.insert(gguf_ ? gguf_key(name) : name);
}

void ConfigKeys::refuse_unread() const {
  const auto is_known = [this](const std::string& name) {
    return known_.contains(name) || (gguf_ ? is_ignored_setting(name) : is_harmless_setting(name));
  };
  if (json_) return refuse_unknown_settings(*json_, is_known, place_);
  Json settings = Json::object();
  for (const auto& [name, value] : gguf_->metadata())
    if (name.starts_with(prefix_)) settings[name] = as_json(value);
  refuse_unknown_settings(settings, is_known, place_);
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

double ConfigKeys::number(const ConfigKey& key) const {
  LIMPID_CHECK(has(key), FormatError, place_, ": \"", gguf_ ? gguf_key(key.gguf) : key.json[0], "\" is missing");
  return number_or(key, 0);
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
