#pragma once

#include <string>
#include <vector>

namespace limpid {

/// PATH[?key=value&key=value…], as data, scorers and detoxifiers are named.
struct FileQuery {
  /// One part of a query. Without '=' all of it is the key.
  struct Part {
    std::string text, key, value;
    bool has_value() const { return key.size() < text.size(); }
  };

  std::string path;
  std::string query;  ///< what stands behind the '?'

  /// Splits an entry behind the longest beginning that exists as a file or folder, since names may have a '?' in them;
  /// where none exists, at the first '?'.
  static FileQuery parse(const std::string& entry);

  std::vector<Part> parts() const;
};

}  // namespace limpid
