#include "limpid/data/file_query.h"

#include "limpid/core/files.h"
#include "limpid/core/parse.h"

namespace limpid {

FileQuery FileQuery::parse(const std::string& entry) {
  const auto exists = [&](size_t length) {
    std::error_code ignored;  // a long query is no file name
    return fs::exists(entry.substr(0, length), ignored);
  };
  size_t end = entry.size();
  while (end > 0 && end != std::string::npos && !exists(end)) end = entry.rfind('?', end - 1);
  if (end == 0 || end == std::string::npos) end = std::min(entry.find('?'), entry.size());
  return {entry.substr(0, end), end < entry.size() ? entry.substr(end + 1) : ""};
}

std::vector<FileQuery::Part> FileQuery::parts() const {
  std::vector<Part> parts;
  if (query.empty()) return parts;
  for (const std::string& text : split(query, '&')) {
    const size_t equals = text.find('=');
    parts.push_back({text, text.substr(0, equals), equals == std::string::npos ? "" : text.substr(equals + 1)});
  }
  return parts;
}

}  // namespace limpid
