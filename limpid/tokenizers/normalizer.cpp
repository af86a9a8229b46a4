#include "limpid/tokenizers/normalizer.h"

#include <utf8proc.h>

#include <algorithm>

#include "limpid/core/error.h"
#include "limpid/tokenizers/growth.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

template <class Visit>
void for_each_character(std::string_view text, const Visit& visit) {
  for (size_t offset = 0; offset < text.size();) {
    const Utf8 next = decode_utf8(text, offset);
    visit(next.code);
    offset += next.size;
  }
}

std::string unicode_form(std::string_view text, int options) {
  if (is_ascii(text)) return std::string(text);
  options |= UTF8PROC_STABLE;
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const auto flags = utf8proc_option_t(options);
  const utf8proc_ssize_t count = utf8proc_decompose(bytes, utf8proc_ssize_t(text.size()), nullptr, 0, flags);
  LIMPID_CHECK(count >= 0, FormatError, "[tokenizer] normalisation failed: ", utf8proc_errmsg(count));
  std::vector<utf8proc_int32_t> codes(size_t(count) + 1);
  utf8proc_decompose(bytes, utf8proc_ssize_t(text.size()), codes.data(), count, flags);
  const utf8proc_ssize_t kept =
      options & UTF8PROC_COMPOSE ? utf8proc_normalize_utf32(codes.data(), count, flags) : count;
  std::string out;
  for (utf8proc_ssize_t i = 0; i < kept; ++i) append_utf8(out, char32_t(codes[size_t(i)]));
  return out;
}

// The blocks BERT spaces out, with the library's 2B920 (not 2B820), which published tokenizers were made with.
bool is_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

bool is_any_mark(char32_t code) {
  const auto kind = utf8proc_category(utf8proc_int32_t(code));
  return kind >= UTF8PROC_CATEGORY_MN && kind <= UTF8PROC_CATEGORY_ME;
}

std::string strip_spaces(std::string_view text, bool left, bool right) {
  size_t begin = 0, end = 0, kept_end = 0;
  bool started = !left;
  for (size_t offset = 0; offset < text.size(); offset = end) {
    const Utf8 next = decode_utf8(text, offset);
    end = offset + next.size;
    if (!is_white_space(next.code)) {
      if (!started) begin = offset, started = true;
      kept_end = end;
    }
  }
  if (!started) return "";
  if (!right) kept_end = text.size();
  return std::string(text.substr(begin, kept_end > begin ? kept_end - begin : 0));
}

std::string replace_space_runs(std::string_view text, const std::string& to, const GrowthLimit& limit) {
  std::string out;
  out.reserve(text.size());
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find_first_not_of(' ', begin), text.size());
    out += end >= begin + 2 ? std::string_view(to) : text.substr(begin, end - begin);
    limit.check(out.size());
    begin = std::min(text.find(' ', end), text.size());
    out += text.substr(end, begin - end);
  }
  return out;
}

void append_nmt(char32_t c, std::string& out) {
  if ((c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F) return;
  const bool blank = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
                     c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
  append_utf8(out, blank ? U' ' : c);
}

size_t grapheme_end(std::string_view text, size_t begin) {
  Utf8 last = decode_utf8(text, begin);
  utf8proc_int32_t state = 0;
  for (size_t end = begin + last.size; end < text.size(); end += last.size) {
    const Utf8 next = decode_utf8(text, end);
    if (utf8proc_grapheme_break_stateful(utf8proc_int32_t(last.code), utf8proc_int32_t(next.code), &state)) return end;
    last = next;
  }
  return text.size();
}

void append_mapped(std::string_view text, const CharacterMap& map, std::string& out) {
  const auto match = map.shortest(text);
  out += match ? match->replacement : text;
}

// The library asks for a grapheme cluster as a whole when it is short, and then takes the rule of its shortest prefix:
// marks behind it are lost. Vocabularies were made with that.
std::string map_graphemes(std::string_view text, const CharacterMap& map, const GrowthLimit& limit) {
  std::string out;
  out.reserve(text.size());
  for (size_t begin = 0; begin < text.size();) {
    const bool ascii = uint8_t(text[begin]) < 0x80 && text[begin] != '\r' &&
                       (begin + 1 == text.size() || uint8_t(text[begin + 1]) < 0x80);
    const size_t end = ascii ? begin + 1 : grapheme_end(text, begin);
    const std::string_view cluster = text.substr(begin, end - begin);
    if (cluster.size() < 6 && map.shortest(cluster))
      append_mapped(cluster, map, out);
    else
      for (size_t offset = 0; offset < cluster.size(); offset += decode_utf8(cluster, offset).size)
        append_mapped(cluster.substr(offset, decode_utf8(cluster, offset).size), map, out);
    limit.check(out.size());
    begin = end;
  }
  return out;
}

void map_longest(std::string_view text, const CharacterMap& map, const GrowthLimit& limit, std::string& out) {
  for (size_t offset = 0; offset < text.size();) {
    const auto match = map.longest(text.substr(offset));
    const size_t size = match ? match->length : decode_utf8(text, offset).size;
    out += match ? match->replacement : text.substr(offset, size);
    limit.check(out.size());
    offset += size;
  }
}

std::string map_longest(std::string_view text, const Normalizer::Step& step, const GrowthLimit& limit) {
  std::string out;
  out.reserve(text.size());
  size_t done = 0;
  for (const AddedTokens::Match& match : step.unmapped.find_all(text)) {
    map_longest(text.substr(done, match.begin - done), *step.map, limit, out);
    out += text.substr(match.begin, match.end - match.begin);
    done = match.end;
  }
  map_longest(text.substr(done), *step.map, limit, out);
  return out;
}

std::string collapse_spaces(std::string_view text, Place place) {
  std::string out;
  out.reserve(text.size());
  for (char c : text)
    if (c != ' ' || (out.empty() ? !place.segment_start : out.back() != ' ')) out += c;
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string run(const Normalizer::Step& step, std::string text, Place place, const GrowthLimit& limit) {
  using Kind = Normalizer::Kind;
  std::string out;
  switch (step.kind) {
    case Kind::kNfc: return unicode_form(text, UTF8PROC_COMPOSE);
    case Kind::kNfd: return unicode_form(text, UTF8PROC_DECOMPOSE);
    case Kind::kNfkc: return unicode_form(text, UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
    case Kind::kNfkd: return unicode_form(text, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
    case Kind::kLowercase: for_each_character(text, [&](char32_t c) { append_lower(out, c); }); return out;
    case Kind::kStripMarks:
      for_each_character(text, [&](char32_t c) {
        if (!is_any_mark(c)) append_utf8(out, c);
      });
      return out;
    case Kind::kStripAccents:
      for_each_character(unicode_form(text, UTF8PROC_DECOMPOSE), [&](char32_t c) {
        if (!is_mark(c)) append_utf8(out, c);
      });
      return out;
    case Kind::kStripSpaces: return strip_spaces(text, step.strip_left, step.strip_right);
    case Kind::kReplace:
      return step.regex ? step.regex->replaced(text, step.to, limit.most())
                        : limit.replace_all(std::move(text), step.from, step.to);
    case Kind::kReplaceSpaceRuns: return replace_space_runs(text, step.to, limit);
    case Kind::kPrepend: return text.empty() || !place.segment_start ? text : step.to + text;
    case Kind::kPrependToText: return text.empty() || !place.text_start ? text : step.to + text;
    case Kind::kBertClean:
      for_each_character(text, [&](char32_t c) {
        if (c == 0 || c == 0xFFFD || is_control_like(c)) return;
        append_utf8(out, is_white_space(c) ? U' ' : c);
      });
      return out;
    case Kind::kBertSpaceIdeographs:
      for_each_character(text, [&](char32_t c) {
        if (is_ideograph(c)) out += ' ';
        append_utf8(out, c);
        if (is_ideograph(c)) out += ' ';
      });
      return out;
    case Kind::kNmt: for_each_character(text, [&](char32_t c) { append_nmt(c, out); }); return out;
    case Kind::kByteLetters: return to_byte_letters(text);
    // The bytes of a file's rules need not be text, as what follows takes for granted.
    case Kind::kGraphemeMap: return to_valid_utf8(map_graphemes(text, *step.map, limit));
    case Kind::kLongestMap: return to_valid_utf8(map_longest(text, step, limit));
    case Kind::kCollapseSpaces: return collapse_spaces(text, place);
  }
  return text;
}

}  // namespace

std::string Normalizer::apply(std::string_view text, Place place) const {
  std::string current(text);
  const GrowthLimit limit(text.size(), "normalizer");
  for (const Step& step : steps_) {
    current = run(step, std::move(current), place, limit);
    limit.check(current.size());
  }
  return current;
}

bool Normalizer::keeps_start(std::string_view text) const {
  return changes_nothing() || !apply(text.substr(0, decode_utf8(text, 0).size), {false, false}).empty();
}

namespace {

// Characters that never combine with what stands before them, in any of the forms: letters below U+0900, kana,
// ideographs and whole Hangul syllables. Others could be safe; a later cut costs time, a wrong one costs tokens.
bool begins_anew(char32_t c) {
  if (c < 0x80) return true;
  if (c >= 0x4E00 && c <= 0x9FFF) return true;
  if (c >= 0xAC00 && c <= 0xD7A3) return true;
  if (c >= 0x900 && !(c >= 0x3041 && c <= 0x30FF)) return false;
  const auto kind = utf8proc_category(utf8proc_int32_t(c));
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO &&
         utf8proc_get_property(utf8proc_int32_t(c))->combining_class == 0;
}

}  // namespace

bool Normalizer::works_in_parts() const {
  return std::all_of(steps_.begin(), steps_.end(), [](const Step& step) {
    if (step.kind == Kind::kStripSpaces) return !step.strip_left;
    if (step.map) return step.unmapped.empty() && !step.map->joins_spaces();
    if (step.kind != Kind::kReplace) return true;
    return !step.regex && !step.from.empty() && decode_utf8(step.from, 0).size == step.from.size();
  });
}

bool Normalizer::needs_spaces_between_parts() const {
  return std::any_of(steps_.begin(), steps_.end(), [](const Step& step) {
    return step.map || step.kind == Kind::kCollapseSpaces || step.kind == Kind::kReplaceSpaceRuns ||
           step.kind == Kind::kStripSpaces;
  });
}

bool Normalizer::starts_part(char32_t before, char32_t code) const {
  // Rules of a map may join any characters but spaces, and a run of spaces is one: parts start with whole runs.
  if (needs_spaces_between_parts()) return code == ' ' && before > ' ' && begins_anew(before);
  return begins_anew(code);
}

}  // namespace limpid
