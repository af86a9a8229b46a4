#include "limpid/tokenizers/base64.h"

#include <algorithm>
#include <cstdint>

namespace limpid {

namespace {

int digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  std::string out;
  out.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    if (digit(c) < 0) return std::nullopt;
    bits = bits << 6 | uint32_t(digit(c));
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += char(bits >> count);
    bits &= (1u << count) - 1;
  }
  return bits == 0 ? std::optional(out) : std::nullopt;
}

std::string encode_base64(std::string_view bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const size_t given = std::min(bytes.size() - at, size_t(3));
    uint32_t bits = 0;
    for (size_t i = 0; i < 3; ++i) bits = bits << 8 | (i < given ? uint8_t(bytes[at + i]) : 0);
    for (size_t i = 0; i < 4; ++i) out += i <= given ? kDigits[bits >> (18 - 6 * i) & 63] : '=';
  }
  return out;
}

}  // namespace limpid
