#pragma once

#include <string>

#include "limpid/core/json.h"

/// What the parts of a tokenizer.json have in common: kinds, sequences, patterns.
namespace limpid {

/// Returns the "type" of a part. @throws FormatError where there is none.
std::string kind_of(const Json& part, const std::string& place);

/// @throws ConfigError that names the settings of a part which its kind does not have (known_settings.h).
void check_kind_settings(const Json& part, const std::string& kind, const std::string& place);

/// Visits the members of a Sequence in order, however deep; the file's nesting is bounded so that it cannot exhaust the
/// stack. What is no Sequence is its own only member.
/// @param visit  (member, kind); refuses kinds that are not known
template <class Visit>
void for_each_member(const Json& json, const char* list, const std::string& place, const Visit& visit, int depth = 0) {
  if (json.is_null()) return;
  LIMPID_CHECK(depth < 16, FormatError, place, ": nested deeper than 16");
  const std::string kind = kind_of(json, place);
  if (kind != "Sequence") {
    visit(json, kind);
    return check_kind_settings(json, kind, place);
  }
  const auto members = json.find(list);
  LIMPID_CHECK(members != json.end() && members->is_array(), FormatError, place, ": a Sequence needs an array \"", list,
               "\"");
  for (const Json& member : *members) for_each_member(member, list, place, visit, depth + 1);
}

/// {"String": …} or {"Regex": …}; an old spelling is the string itself.
struct PatternText {
  std::string text;
  bool is_regex;
};
PatternText read_pattern(const Json& part, const std::string& place);

}  // namespace limpid
