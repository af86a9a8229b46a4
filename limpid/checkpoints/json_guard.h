#pragma once

#include "limpid/core/json.h"

namespace limpid {

/// Nesting deeper than in any file of ours; printing and copying a document recurse, so a bomb of brackets must not get
/// that far.
constexpr int kMaxJsonDepth = 64;

inline bool deeper_than(const Json& value, int depth) {
  if (!value.is_structured()) return false;
  if (depth == 0) return true;
  for (const Json& part : value)
    if (deeper_than(part, depth - 1)) return true;
  return false;
}

/// Returns the value. @throws FormatError when it is nested too deeply.
inline Json guarded(Json value, const std::string& source) {
  LIMPID_CHECK(!deeper_than(value, kMaxJsonDepth), FormatError, source, ": is nested more than ", kMaxJsonDepth,
               " deep");
  return value;
}

/// Parses as parse_json() does, with a limit on nesting.
inline Json parse_guarded_json(std::string_view text, const std::string& source) {
  return guarded(parse_json(text, source), source);
}

inline Json read_guarded_json(const fs::path& path) { return parse_guarded_json(read_file(path), path.string()); }

}  // namespace limpid
