#pragma once

#include <string>
#include <string_view>

namespace limpid {

/// Returns text from a file, fit for a terminal: control bytes become \xNN, so that a name cannot break the line or
/// colour it.
inline std::string printable(std::string_view text) {
  static const char* hex = "0123456789abcdef";
  std::string out;
  for (unsigned char byte : text) {
    if (byte < 0x20 || byte == 0x7f)
      ((out += "\\x") += hex[byte >> 4]) += hex[byte & 15];
    else
      out += char(byte);
  }
  return out;
}

/// Returns printable text for one line of an error: in quotes, cut after 80 bytes.
inline std::string quote(std::string_view text) {
  std::string out = "\"";
  return (out += printable(text.substr(0, 80))) += text.size() > 80 ? "…\"" : "\"";
}

}  // namespace limpid
