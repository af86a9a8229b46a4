#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

/// UTF-8, character classes, and the printable alphabet that byte-level BPE writes bytes in.
namespace limpid {

enum class Utf8State : uint8_t {
  kValid,       ///< a character
  kInvalid,     ///< bytes that no continuation makes a character: one U+FFFD stands for them
  kIncomplete,  ///< the text ends inside what may become a character
};

struct Utf8 {
  char32_t code;  ///< U+FFFD unless valid
  uint32_t size;  ///< bytes covered: the character, or the maximal valid beginning (at least 1)
  Utf8State state;
};

Utf8 decode_wide_utf8(std::string_view text, size_t offset);  ///< decode_utf8 of what is not ASCII

/// Returns the character that starts at `offset` < text.size(). Unicode 15, table 3-7: no surrogates, no overlong
/// forms.
inline Utf8 decode_utf8(std::string_view text, size_t offset) {
  const auto first = uint8_t(text[offset]);
  return first < 0x80 ? Utf8{first, 1, Utf8State::kValid} : decode_wide_utf8(text, offset);
}

void append_utf8(std::string& out, char32_t code);
void append_lower(std::string& out, char32_t code);  ///< simple lower case of any script; of U+0130 its two characters
bool is_valid_utf8(std::string_view text);           ///< no overlong forms, no surrogates
size_t incomplete_tail(std::string_view text);       ///< bytes of an unfinished character at the end, 0 to 3
size_t last_character(std::string_view text);        ///< where the last character begins; 0 for an empty text
bool is_ascii(std::string_view text);
/// Returns valid text as it is, otherwise with one U+FFFD for each maximal valid beginning that goes nowhere.
std::string to_valid_utf8(std::string_view text);

bool is_white_space(char32_t code);  ///< property White_Space
bool is_numeric(char32_t code);      ///< categories Nd, Nl, No
bool is_punctuation(char32_t code);  ///< ASCII punctuation (which includes $+<=>^`|~), and the categories P*
bool is_word(char32_t code);  ///< letters, marks, digits, connectors, zero-width joiners: \w of Rust's expressions
bool is_mark(char32_t code);  ///< category Mn
bool is_control_like(char32_t code);  ///< categories Cc, Cf and Co, but not tab, line feed, carriage return

/// Returns whether a character was assigned or reclassified after Unicode 8, see Note [Classes of Unicode 8];
/// is_punctuation, is_mark and is_control_like leave them out.
bool is_later_punctuation(char32_t code);
bool is_later_mark(char32_t code);
bool is_later_format(char32_t code);

/// Returns a byte's letter in GPT-2's alphabet: printable bytes stand for themselves, the others for U+0100 and
/// following. Source: Radford et al. 2019, encoder.py `bytes_to_unicode`.
char32_t byte_to_letter(uint8_t byte);
int letter_to_byte(char32_t letter);  ///< -1 for a character outside the alphabet
std::string to_byte_letters(std::string_view bytes);
/// Appends the bytes of `letters`; returns false, leaving `out` alone, when `letters` is not written in the alphabet.
bool from_byte_letters(std::string_view letters, std::string& out);

inline constexpr std::string_view kWordMark = "\xe2\x96\x81";  ///< U+2581, SentencePiece's visible space

std::string replace_all(std::string text, std::string_view from, std::string_view to);

}  // namespace limpid
