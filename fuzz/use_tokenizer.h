#pragma once

#include <memory>
#include <string_view>

#include "limpid/tokenizers/tokenizer.h"

namespace limpid::fuzzing {

/// Encodes and decodes, and holds the incremental form of encoding to its definition.
void use_tokenizer(const std::shared_ptr<const Tokenizer>& tokenizer, std::string_view text);
/// A text with spaces, line breaks, digits, a character of two bytes and one of four.
inline constexpr std::string_view kText = "It's ab  ab\n\n<e> \xc3\xa9 12 \xf0\x9f\x99\x82.";

}  // namespace limpid::fuzzing
