#include "limpid/checkpoints/known_settings.h"

#include <algorithm>

#include "limpid/checkpoints/quote.h"
#include "limpid/core/warnings.h"

namespace limpid {
namespace {

constexpr size_t kMostNamed = 12;  // settings in one error

std::vector<std::string>& ignored() {
  static std::vector<std::string> names;
  return names;
}

}  // namespace

void ignore_settings(const std::vector<std::string>& names) { ignored() = names; }

bool is_ignored_setting(std::string_view name) {
  return std::find(ignored().begin(), ignored().end(), name) != ignored().end();
}

void remove_ignored_settings(Json& document, const std::string& place) {
  if (ignored().empty() || !document.is_object()) return;
  for (const std::string& name : ignored()) {
    const auto setting = document.find(name);
    if (setting == document.end()) continue;
    warn(concat(place, ": \"", name, "\" is ", shown(*setting), ", which is ignored as asked for"));
    document.erase(setting);
  }
  for (Json& part : document) remove_ignored_settings(part, place);
}

bool is_off(const Json& value) {
  return value.is_null() || value == false || value == 0 || value == "" || value == "none" ||
         (value.is_structured() && value.empty());
}

std::string shown(const Json& value) {
  const std::string text = to_text(value);
  return printable(text.substr(0, 60)) + (text.size() > 60 ? "…" : "");
}

void refuse_unknown_settings(const Json& object, const std::function<bool(const std::string&)>& is_known,
                             const std::string& place, const std::string& advice) {
  std::string found, names;
  size_t count = 0;
  for (const auto& [name, value] : object.items()) {
    if (is_known(name) || is_off(value) || ++count > kMostNamed) continue;
    found += concat(found.empty() ? "" : " and ", quote(name), " is ", shown(value));
    names += concat(names.empty() ? "" : " --ignore-config ", printable(name.substr(0, 80)));
  }
  if (count > kMostNamed) found += concat(" and ", count - kMostNamed, " others");
  LIMPID_CHECK(found.empty(), ConfigError, place, ": ", found, ", which is not supported; ", advice,
               advice.empty() ? "" : ", or ", "ignore what changes nothing by name (--ignore-config ", names, ")");
}

}  // namespace limpid
