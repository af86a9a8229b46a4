#include "limpid/server/http/text.h"

#include <algorithm>
#include <charconv>

#include "limpid/core/parse.h"

namespace limpid::server {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c + ('a' - 'A')) : c; }

}  // namespace

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned value = 0;
    const char* const digits = text.data() + i + 1;
    if (text.size() - i < 3 || std::from_chars(digits, digits + 2, value, 16).ptr != digits + 2) return std::nullopt;
    decoded += char(value);
    i += 2;
  }
  return decoded;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  for (const std::string& part : split(query, '&'))
    if (part.size() > name.size() && part[name.size()] == '=' && part.starts_with(name))
      return percent_decoded(std::string_view(part).substr(name.size() + 1));
  return std::nullopt;
}

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

}  // namespace limpid::server
