#include <utf8proc.h>

#include "limpid/tokenizers/jinja/text.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid::jinja {

namespace {

utf8proc_category_t category(char32_t code) { return utf8proc_category(utf8proc_int32_t(code)); }
bool is_titlecase(char32_t code) { return category(code) == UTF8PROC_CATEGORY_LT; }
bool is_upper(char32_t code) { return utf8proc_isupper(utf8proc_int32_t(code)) && !is_titlecase(code); }
bool is_lower(char32_t code) { return utf8proc_islower(utf8proc_int32_t(code)); }
bool is_cased(char32_t code) { return is_upper(code) || is_lower(code) || is_titlecase(code); }

void append_upper(std::string& out, char32_t code) {
  if (code == 0xDF)
    out += "SS";
  else
    append_utf8(out, char32_t(utf8proc_toupper(utf8proc_int32_t(code))));
}

void append_title(std::string& out, char32_t code) {
  if (code == 0xDF)
    out += "Ss";
  else
    append_utf8(out, char32_t(utf8proc_totitle(utf8proc_int32_t(code))));
}

/// Appends what `append(out, code)` makes of each character.
template <class Append>
std::string mapped(std::string_view text, Append append) {
  std::string out;
  for (size_t offset = 0; offset < text.size();) {
    const Utf8 next = decode_utf8(text, offset);
    append(out, next.code);
    offset += next.size;
  }
  return out;
}

bool is_alphabetic(char32_t code) {
  const auto c = category(code);
  return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}
bool is_superscript(char32_t c) { return c == 0xB2 || c == 0xB3 || c == 0xB9 || (c >= 0x2070 && c <= 0x2089); }

bool is_in(char32_t code, CharacterClass wanted) {
  const bool decimal = category(code) == UTF8PROC_CATEGORY_ND;
  switch (wanted) {
    case CharacterClass::Alpha: return is_alphabetic(code);
    case CharacterClass::Decimal: return decimal;
    case CharacterClass::Digit: return decimal || is_superscript(code);
    case CharacterClass::Numeric: return is_numeric(code);
    case CharacterClass::Alnum: return is_alphabetic(code) || is_numeric(code);
    case CharacterClass::Space: return is_blank(code);
    case CharacterClass::Ascii: return code < 0x80;
    default: return false;
  }
}

/// str.isupper, islower, istitle: about the characters that have a case, of which there must be one.
bool is_cased_as(std::string_view text, CharacterClass wanted) {
  bool any = false, behind_cased = false, fits = true;
  mapped(text, [&](std::string&, char32_t code) {
    const bool cased = is_cased(code), low = is_lower(code);
    any = any || cased;
    if (wanted == CharacterClass::Upper) fits = fits && (!cased || is_upper(code));
    if (wanted == CharacterClass::Lower) fits = fits && (!cased || low);
    if (wanted == CharacterClass::Title) fits = fits && (!cased || low == behind_cased);
    behind_cased = cased;
  });
  return any && fits;
}

}  // namespace

std::string upper_text(std::string_view text) { return mapped(text, append_upper); }
std::string lower_text(std::string_view text) { return mapped(text, append_lower); }

std::string capitalize_text(std::string_view text) {
  bool first = true;
  return mapped(text, [&](std::string& out, char32_t code) {
    first ? append_title(out, code) : append_lower(out, code);
    first = false;
  });
}

std::string title_text(std::string_view text) {
  bool behind_cased = false;
  return mapped(text, [&](std::string& out, char32_t code) {
    behind_cased ? append_lower(out, code) : append_title(out, code);
    behind_cased = is_cased(code);
  });
}

std::string swap_case(std::string_view text) {
  return mapped(text, [&](std::string& out, char32_t code) {
    if (is_upper(code))
      append_lower(out, code);
    else if (is_lower(code))
      append_upper(out, code);
    else
      append_utf8(out, code);
  });
}

bool is_all(std::string_view text, CharacterClass wanted) {
  if (wanted == CharacterClass::Upper || wanted == CharacterClass::Lower || wanted == CharacterClass::Title)
    return is_cased_as(text, wanted);
  bool all = true;
  mapped(text, [&](std::string&, char32_t code) { all = all && is_in(code, wanted); });
  return all && (!text.empty() || wanted == CharacterClass::Ascii);
}

bool is_printable(char32_t code) {
  if (code == ' ') return true;
  switch (category(code)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS: return false;
    default: return true;
  }
}

}  // namespace limpid::jinja
