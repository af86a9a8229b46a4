#pragma once

#include <initializer_list>
#include <set>

#include "limpid/checkpoints/gguf.h"
#include "limpid/core/json.h"

/// The settings of a model by one name each, whichever kind of file they lie in.
namespace limpid {

/// One setting. A config.json has one of the spellings, or several that agree; in GGUF metadata the name stands behind
/// "ARCHITECTURE.".
struct ConfigKey {
  const char* json[5];         ///< fewer where families agree: the rest is null
  const char* gguf = nullptr;  ///< null: GGUF files do not have it
};

/// Reads settings; null counts as absent. Errors name file and key. What was asked for is what a family honours:
/// refuse_unread() refuses the rest. Lives no longer than what it reads.
class ConfigKeys {
 public:
  /// @param place   begins errors: "[config] FILE"
  /// @param strict  a size that is missing is an error; else it is 0
  ConfigKeys(const Json& object, std::string place, bool strict)
      : json_(&object),
        place_(std::move(place)),
        strict_(strict) {}
  ConfigKeys(const GgufFile& file, std::string place, bool strict);

  bool has(const ConfigKey& key) const;
  /// Returns an integer. @throws FormatError for a size that is missing, see `strict`, and for values of another kind,
  /// as all readers do.
  int64_t integer(const ConfigKey& key) const;
  /// Returns the integer, or `class_default`, where it is not 0, for a config.json that leaves it out.
  int64_t integer(const ConfigKey& key, int64_t class_default) const;
  int64_t integer_or(const ConfigKey& key, int64_t fallback) const;
  double number(const ConfigKey& key) const;  ///< @throws FormatError when missing
  double number_or(const ConfigKey& key, double fallback) const;
  bool boolean_or(const ConfigKey& key, bool fallback) const;
  std::string text_or(const ConfigKey& key, std::string fallback) const;

  /// Notes settings that change nothing that is computed, whatever they say.
  void pass_over(std::initializer_list<const char*> names) const;
  /// @throws ConfigError that names the settings which nobody asked for or passed over and which are not off
  /// (known_settings.h).
  void refuse_unread() const;

  const Json* json() const { return json_; }      ///< null for a GGUF file
  const GgufFile* gguf() const { return gguf_; }  ///< null for a config.json
  ConfigKeys inside(const char* name) const;      ///< reads an object in a config.json
  std::string gguf_key(const char* name) const { return prefix_ + name; }
  const std::string& place() const { return place_; }

 private:
  const char* spelling(const ConfigKey& key) const;  ///< returns null when absent
  const char* json_spelling(const ConfigKey& key) const;

  const Json* json_ = nullptr;
  const GgufFile* gguf_ = nullptr;
  std::string prefix_, place_;
  bool strict_;
  mutable std::set<std::string> known_;  // asked for or passed over
};

/// Returns whether a key of config.json changes nothing that is computed, in any family and at any value
/// (harmless_settings.cpp).
bool is_harmless_setting(std::string_view name);

}  // namespace limpid
