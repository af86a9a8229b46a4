#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "limpid/methods/detox_spec.h"
#include "limpid/methods/method_info.h"

namespace limpid {

/// The options of one specification as values, all of them checked. An option that is not given has none.
class MethodOptions {
 public:
  /// @throws ConfigError, one line, for an option that the method does not have, naming those it has, and for a value
  ///         that is none of the option's.
  MethodOptions(const MethodInfo& method, const DetoxSpec& spec);

  /// Returns what messages about this detoxifier begin with: "[gedi] FILE: ".
  const std::string& place() const { return place_; }
  const std::string& file() const { return file_; }

  bool has(const std::string& key) const { return values_.contains(key); }
  std::optional<double> number(const std::string& key) const { return get<double>(key); }
  std::optional<int64_t> integer(const std::string& key) const { return get<int64_t>(key); }
  /// Returns the choice; choices must be named in the order of the enumeration's values.
  template <class Enum>
  std::optional<Enum> choice(const std::string& key) const {
    const auto index = get<size_t>(key);
    return index ? std::optional(static_cast<Enum>(*index)) : std::nullopt;
  }
  /// Returns the first and last layer, -1 for an open end.
  std::optional<std::pair<int64_t, int64_t>> layers(const std::string& key) const {
    return get<std::pair<int64_t, int64_t>>(key);
  }

 private:
  using Value = std::variant<double, int64_t, size_t, std::pair<int64_t, int64_t>>;
  static Value parse(const OptionInfo& option, const std::string& text, const std::string& place);
  template <class T>
  std::optional<T> get(const std::string& key) const {
    const auto entry = values_.find(key);
    return entry == values_.end() ? std::nullopt : std::optional(std::get<T>(entry->second));
  }

  std::string file_, place_;
  std::map<std::string, Value> values_;
};

}  // namespace limpid
