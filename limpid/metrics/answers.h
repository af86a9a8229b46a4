#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/core/types.h"

/// What can be said about one answer of a model by looking at its text and tokens.
namespace limpid {

inline constexpr size_t kShortestLoop = 24;  ///< tokens; shorter answers do not loop

/// Returns different trigrams / trigrams of the tokens; 1 where there are fewer than three.
double distinct_trigrams(std::span<const TokenId> ids);

/// Returns whether an answer goes round in circles: of at least kShortestLoop tokens, fewer than 2/3 of all its
/// trigrams are different, or fewer than 1/2 of those of its last kShortestLoop tokens, where a loop has just begun.
/// The bounds were read off texts of SmolLM2-135M: a phrase or a row of zeros comes again until the end up to .65 and
/// .27, a text repeats itself as prose, lists and code do from .68 and .55 on. Tokens, not words: "12:12:12:" and emoji
/// loop without a space.
bool loops(std::span<const TokenId> ids);

/// Returns whether an answer opens with a refusal: "I'm sorry, but I can't assist with that", "As an AI language model,
/// I cannot …". Sympathy ("I'm sorry to hear that"), a lack of feelings or facts ("As an AI, I don't have a
/// favourite"), and refusals further on in a text are none. English only.
bool opens_with_refusal(std::string_view text);

/// Returns whether the text holds one of the answers as whole words, whatever their case. A number does not match
/// inside a longer one: 8 is not in 8.5 or 1,008.
bool holds_answer(std::string_view text, std::span<const std::string> answers);

/// Returns the right answers of a prompt, its field "answers"; none where it has no such field.
/// @param source  what to call its place in an error
/// @throws FormatError when they are not a list of texts.
std::vector<std::string> right_answers(const Json& fields, const std::string& source);

}  // namespace limpid
