#pragma once

#include <string_view>
#include <vector>

namespace limpid::server {

/// A part of a text, its end exclusive.
struct TextSpan {
  size_t begin_byte, end_byte;
  size_t begin, end;  ///< in UTF-16 units, which is how clients count: an emoji is two
  bool operator==(const TextSpan&) const = default;
};

/// Returns the whole of a text as one span.
TextSpan whole_span(std::string_view text);

/// Returns the sentences of an English text, in order, without the white space around them; every other character lies
/// in exactly one. A sentence ends at white space only: behind a full stop that is none of an abbreviation, an initial
/// or a number, behind "!", "?" and "…" and what closes behind them, and at line ends, unless what follows goes on in
/// lower case. Time grows with the length alone.
/// @param text  valid UTF-8
std::vector<TextSpan> sentences_of(std::string_view text);

}  // namespace limpid::server
