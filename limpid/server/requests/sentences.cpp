#include "limpid/server/requests/sentences.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <set>
#include <string>

#include "limpid/tokenizers/unicode.h"

namespace limpid::server {

namespace {

// What stands in front of a name or a number, and so ends no sentence.
const std::set<std::string, std::less<>> kNeverLast = {"mr", "mrs", "ms",  "dr",   "prof", "gen", "col", "sgt", "capt",
                                                       "lt", "maj", "rev", "pres", "gov",  "sen", "rep", "st",  "mt",
                                                       "vs", "e.g", "i.e", "cf",   "fig",  "eq",  "pp",  "vol"};
// What ends a sentence unless a number follows, or a word that is no beginning.
const std::set<std::string, std::less<>> kSeldomLast = {"etc", "jr",     "sr",  "inc", "ltd",  "co",  "corp", "dept",
                                                        "est", "approx", "al",  "no",  "jan",  "feb", "mar",  "apr",
                                                        "jun", "jul",    "aug", "sep", "sept", "oct", "nov",  "dec"};
constexpr size_t kLongestKnown = 6;

bool is_lower(char32_t code) {
  return (code >= 'a' && code <= 'z') || (code >= 0xdf && code <= 0xff && code != 0xf7);  // English, and its loans
}

/// Closing marks and decoration behind the end of a sentence: quotes, brackets, emoji and what modifies them.
bool is_closer(char32_t code) {
  return std::u32string_view(U"\"')]}*_~\u2019\u201d\u00bb\u203a").find(code) != std::u32string_view::npos ||
         code >= 0x1f000 || (code >= 0x2600 && code <= 0x27bf) || code == 0xfe0f || code == 0x200d || is_mark(code);
}

bool is_quote(char32_t code) {
  return std::u32string_view(U"\"'\u2019\u201d\u00bb").find(code) != std::u32string_view::npos;
}

/// The end of what stands in front of white space: "word", its end marks, and whether a quote closes behind them.
struct Tail {
  std::string_view word;  // without end marks, from the last white space or opening mark on
  std::u32string marks;   // of ".!?…"
  bool has_quote = false;
};

/// Returns the last character of a text and takes it off.
char32_t take_last(std::string_view& text) {
  const size_t at = last_character(text);
  const char32_t code = decode_utf8(text, at).code;
  text = text.substr(0, at);
  return code;
}

char32_t last_of(std::string_view text) { return take_last(text); }

Tail tail_of(std::string_view chunk) {
  Tail tail;
  while (!chunk.empty() && is_closer(last_of(chunk))) tail.has_quote |= is_quote(take_last(chunk));
  while (!chunk.empty() && std::u32string_view(U".!?\u2026").find(last_of(chunk)) != std::u32string_view::npos)
    tail.marks += take_last(chunk);
  const size_t opening = chunk.find_last_of("\"'([{*_~-/");
  tail.word = opening == std::string_view::npos ? chunk : chunk.substr(opening + 1);
  return tail;
}

/// Returns whether a full stop behind a word ends a sentence. @param next  the character that follows the white space
bool is_last_word(std::string_view word, bool is_first_word, char32_t next) {
  const bool number_follows = next >= '0' && next <= '9';
  if (word.find_first_not_of("0123456789") == std::string_view::npos) return !is_first_word;    // "1. First"
  if (word.size() == 1) return std::isupper(uint8_t(word[0])) ? word == "I" : !number_follows;  // "J. Smith", "p. 5"
  std::string known;
  if (word.size() <= kLongestKnown)
    for (unsigned char c : word) known += char(std::tolower(c));
  if (kNeverLast.contains(known)) return false;
  const bool is_short_form = kSeldomLast.contains(known) || word.find('.') != std::string_view::npos;  // "etc", "U.S"
  if (known == "no") return !number_follows;  // most often it is the answer
  return !is_short_form || !(number_follows || is_lower(next));
}

/// Returns whether white space parts two sentences.
/// @param chunk     what stands in front of it, back to the white space before
/// @param newlines  in it    @param rest  what stands behind it
bool ends_sentence(std::string_view chunk, bool is_first_word, size_t newlines, std::string_view rest) {
  const char32_t next = decode_utf8(rest, 0).code;
  const bool goes_on = is_lower(next);
  if (newlines > 1 || (newlines == 1 && !goes_on)) return true;
  const Tail tail = tail_of(chunk);
  if (tail.marks.empty()) return false;
  if (tail.marks.find_first_of(U"!?") != std::u32string::npos) return !(tail.has_quote && goes_on);  // "Go!" he said
  if (tail.marks != U"." || tail.has_quote) return !goes_on;
  return is_last_word(tail.word, is_first_word, next);
}

size_t newlines_of(std::string_view text, size_t at, char32_t code) {
  if (code == '\r') return at + 1 < text.size() && text[at + 1] == '\n' ? 0 : 1;
  if (code == 0x2029) return 2;  // a paragraph
  return code == '\n' || code == 0x85 || code == 0x2028 ? 1 : 0;
}

size_t utf16_units(char32_t code) { return code >= 0x10000 ? 2 : 1; }

}  // namespace

TextSpan whole_span(std::string_view text) {
  TextSpan span{0, text.size(), 0, 0};
  for (size_t at = 0; at < text.size();) {
    const Utf8 character = decode_utf8(text, at);
    at += character.size;
    span.end += utf16_units(character.code);
  }
  return span;
}

std::vector<TextSpan> sentences_of(std::string_view text) {
  std::vector<TextSpan> sentences;
  size_t chunk = 0, newlines = 0;
  bool in_sentence = false, in_space = true;
  for (size_t at = 0, unit = 0; at < text.size();) {
    const Utf8 character = decode_utf8(text, at);
    const size_t next = at + character.size, next_unit = unit + utf16_units(character.code);
    if (is_white_space(character.code)) {
      newlines += newlines_of(text, at, character.code);
      in_space = true;
    } else {
      if (in_space && in_sentence) {
        const TextSpan& sentence = sentences.back();
        in_sentence = !ends_sentence(text.substr(chunk, sentence.end_byte - chunk), chunk == sentence.begin_byte,
                                     newlines, text.substr(at));
      }
      if (!in_sentence) sentences.push_back({at, at, unit, unit});
      if (in_space) chunk = at, newlines = 0;
      in_sentence = true, in_space = false;
      sentences.back().end_byte = next, sentences.back().end = next_unit;
    }
    at = next, unit = next_unit;
  }
  return sentences;
}

}  // namespace limpid::server
