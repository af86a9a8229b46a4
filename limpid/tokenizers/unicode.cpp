#include "limpid/tokenizers/unicode.h"

#include <utf8proc.h>

#include <algorithm>

namespace limpid {

Utf8 decode_wide_utf8(std::string_view text, size_t offset) {
  const auto byte = [&](size_t i) { return uint8_t(text[offset + i]); };
  const uint8_t first = byte(0);
  if (first < 0xC2 || first > 0xF4) return {0xFFFD, 1, Utf8State::kInvalid};
  const uint32_t size = 2u + (first >= 0xE0) + (first >= 0xF0);
  // The second byte's range excludes overlong forms, surrogates and what lies above U+10FFFF.
  uint8_t low = 0x80, high = 0xBF;
  if (first == 0xE0) low = 0xA0;
  if (first == 0xED) high = 0x9F;
  if (first == 0xF0) low = 0x90;
  if (first == 0xF4) high = 0x8F;
  char32_t code = first & (0x7F >> size);
  for (uint32_t i = 1; i < size; ++i) {
    if (offset + i >= text.size()) return {0xFFFD, i, Utf8State::kIncomplete};
    if (byte(i) < low || byte(i) > high) return {0xFFFD, i, Utf8State::kInvalid};
    code = code << 6 | (byte(i) & 0x3F);
    low = 0x80, high = 0xBF;
  }
  return {code, size, Utf8State::kValid};
}

void append_utf8(std::string& out, char32_t code) {
  if (code < 0x80) {
    out += char(code);
  } else if (code < 0x800) {
    out += char(0xC0 | code >> 6);
    out += char(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += char(0xE0 | code >> 12);
    out += char(0x80 | (code >> 6 & 0x3F));
    out += char(0x80 | (code & 0x3F));
  } else {
    out += char(0xF0 | code >> 18);
    out += char(0x80 | (code >> 12 & 0x3F));
    out += char(0x80 | (code >> 6 & 0x3F));
    out += char(0x80 | (code & 0x3F));
  }
}

void append_lower(std::string& out, char32_t code) {
  if (code == 0x130) {  // the one character whose lower case is two: i and a dot above
    out += "i\xcc\x87";
    return;
  }
  if (code < 0x80)
    append_utf8(out, code >= 'A' && code <= 'Z' ? code + 32 : code);
  else
    append_utf8(out, char32_t(utf8proc_tolower(utf8proc_int32_t(code))));
}

size_t last_character(std::string_view text) {
  size_t start = text.empty() ? 0 : text.size() - 1;
  while (start > 0 && (uint8_t(text[start]) & 0xC0) == 0x80) --start;
  return start;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return uint8_t(c) < 0x80; });
}

bool is_valid_utf8(std::string_view text) {
  for (size_t offset = 0; offset < text.size();) {
    if (uint8_t(text[offset]) < 0x80) {
      ++offset;
      continue;
    }
    const Utf8 next = decode_utf8(text, offset);
    if (next.state != Utf8State::kValid) return false;
    offset += next.size;
  }
  return true;
}

size_t incomplete_tail(std::string_view text) {
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const size_t start = text.size() - back;
    if ((uint8_t(text[start]) & 0xC0) == 0x80) continue;  // a continuation byte: its character starts further left
    return decode_utf8(text, start).state == Utf8State::kIncomplete ? back : 0;
  }
  return 0;
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t offset = 0; offset < text.size();) {
    const Utf8 next = decode_utf8(text, offset);
    if (next.state == Utf8State::kValid)
      out.append(text.substr(offset, next.size));
    else
      out.append("\xef\xbf\xbd");
    offset += next.size;
  }
  return out;
}

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

namespace {

utf8proc_category_t category(char32_t code) { return utf8proc_category(utf8proc_int32_t(code)); }

}  // namespace

bool is_numeric(char32_t code) {
  if (code < 0x80) return code >= '0' && code <= '9';
  const auto kind = category(code);
  return kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_NO;
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
  if (c == 0x166D || c == 0x111C9) return true;  // punctuation in Unicode 8, something else today
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO && !is_later_punctuation(c);
}

bool is_word(char32_t code) {
  const auto kind = category(code);
  if (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_NL) return true;
  // Letters in circles and squares are alphabetic symbols.
  return kind == UTF8PROC_CATEGORY_PC || code == 0x200C || code == 0x200D || (code >= 0x24B6 && code <= 0x24E9) ||
         (code >= 0x1F130 && code <= 0x1F149) || (code >= 0x1F150 && code <= 0x1F169) ||
         (code >= 0x1F170 && code <= 0x1F189);
}

bool is_mark(char32_t code) {
  if (code == 0x1734) return true;  // a spacing mark since Unicode 14
  return code >= 0x300 && category(code) == UTF8PROC_CATEGORY_MN && !is_later_mark(code);
}

bool is_control_like(char32_t code) {
  if (code == '\t' || code == '\n' || code == '\r') return false;
  if (code < 0x7F) return code < 0x20;
  const auto kind = category(code);
  if (kind == UTF8PROC_CATEGORY_CF) return !is_later_format(code);
  return kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CO;
}

namespace {

struct ByteAlphabet {
  std::array<char32_t, 256> letters{};
  std::array<int16_t, 0x144> bytes{};
  ByteAlphabet() {
    bytes.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      letters[size_t(byte)] = printable ? char32_t(byte) : next++;
      bytes[letters[size_t(byte)]] = int16_t(byte);
    }
  }
};
const ByteAlphabet kAlphabet;

}  // namespace

char32_t byte_to_letter(uint8_t byte) { return kAlphabet.letters[byte]; }
int letter_to_byte(char32_t letter) { return letter < kAlphabet.bytes.size() ? kAlphabet.bytes[letter] : -1; }

std::string to_byte_letters(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 4);
  for (char byte : bytes) append_utf8(out, byte_to_letter(uint8_t(byte)));
  return out;
}

bool from_byte_letters(std::string_view letters, std::string& out) {
  const size_t before = out.size();
  for (size_t offset = 0; offset < letters.size();) {
    const Utf8 next = decode_utf8(letters, offset);
    const int byte = next.state == Utf8State::kValid ? letter_to_byte(next.code) : -1;
    if (byte < 0) {
      out.resize(before);
      return false;
    }
    out += char(byte);
    offset += next.size;
  }
  return true;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  if (from.empty()) return text;
  size_t begin = text.find(from);
  if (begin == std::string::npos) return text;
  std::string out;
  size_t done = 0;
  for (; begin != std::string::npos; begin = text.find(from, done)) {
    out.append(text, done, begin - done).append(to);
    done = begin + from.size();
  }
  return out.append(text, done);
}

}  // namespace limpid
