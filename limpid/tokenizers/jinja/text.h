#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Texts as Python's str sees them: by code points, in UTF-8.
namespace limpid::jinja {

/// What a slice start:stop:step means for a sequence of some length: `count` places from `first`, `step` apart.
struct SlicePlaces {
  int64_t first, step;
  size_t count;
};
/// @throws Fault for a step of 0.
SlicePlaces slice_places(size_t length, std::optional<int64_t> start, std::optional<int64_t> stop,
                         std::optional<int64_t> step);

size_t count_characters(std::string_view text);
std::vector<std::string_view> characters(std::string_view text);
std::string slice_text(std::string_view text, std::optional<int64_t> start, std::optional<int64_t> stop,
                       std::optional<int64_t> step);

/// Returns where `part` stands first, from `from` on, and where it stands last; npos for nowhere. The time they take
/// grows with the text alone, not with the part.
size_t find_text(std::string_view text, std::string_view part, size_t from = 0);
size_t find_last_text(std::string_view text, std::string_view part);

bool is_blank(char32_t code);  ///< str.isspace of one character

enum class Side : uint8_t { Both, Left, Right };
/// Returns the text without blanks, or without any of `chars`, at its sides.
std::string_view strip(std::string_view text, Side side, std::optional<std::string_view> chars = std::nullopt);

/// Returns str.split, or from the right str.rsplit: at a separator (not empty), or for none at runs of blanks.
/// @param most  how many splits at most; negative for any number
std::vector<std::string_view> split_text(std::string_view text, std::optional<std::string_view> separator, int64_t most,
                                         bool from_right);
std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);

/// Returns the text with `old` replaced, at most `most` times unless that is negative; an empty `old` matches between
/// all characters.
std::string replace_text(std::string_view text, std::string_view old, std::string_view by, int64_t most);
size_t count_replacements(std::string_view text, std::string_view old, int64_t most);

std::string upper_text(std::string_view text);
std::string lower_text(std::string_view text);
std::string capitalize_text(std::string_view text);  ///< the first character upper, the others lower
std::string title_text(std::string_view text);       ///< str.title: upper behind whatever has no case
std::string swap_case(std::string_view text);

/// str.isupper and its like.
enum class CharacterClass : uint8_t { Alpha, Digit, Decimal, Numeric, Alnum, Space, Upper, Lower, Title, Ascii };
bool is_all(std::string_view text, CharacterClass wanted);

bool is_printable(char32_t code);                  ///< repr shows it as it is
std::string escape_markup(std::string_view text);  ///< & < > ' " as HTML's entities

}  // namespace limpid::jinja
