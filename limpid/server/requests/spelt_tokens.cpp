#include "limpid/server/requests/spelt_tokens.h"

#include <algorithm>
#include <set>

#include "limpid/server/requests/fields.h"
#include "limpid/tokenizers/added_tokens.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid::server {

namespace {

// Note [Special tokens in contents]
// A content that spells "<|im_end|>" must not end its turn, yet the template has to see contents as they are: it trims
// them, looks at their beginnings, and repeats them where it likes. So nothing stands around a content, and nothing in
// its place: inside each spelling, behind its first character, a private-use character is put that no content has. To a
// template it is a letter like others and is carried along. What was rendered is cut at the marks (encode_chat), and
// each part is encoded by itself, without the mark. A token lies within one part, and a part has no spelling of a
// special token but those that the template wrote; so neither the search for special tokens nor the vocabulary, which
// in some files has their spellings among its pieces, can give one for a content. Contents that spell none, nearly all,
// have just the ids that encode_chat gives without marks. What remains: a special token of one character cannot be cut,
// and in its vocabulary has no other form; and a template may put a spelling together itself, by writing half of it or
// by taking out of a content what stands in the middle.

/// Returns every special token that has an inside, as what is looked for in plain text.
AddedTokens special_spellings(const Tokenizer& tokenizer) {
  std::vector<AddedToken> tokens;
  for (TokenId id = 0; size_t(id) < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.is_special(id)) continue;
    const std::string_view text = tokenizer.token_text(id);
    if (!text.empty() && decode_utf8(text, 0).size < text.size()) tokens.push_back({std::string(text), id});
  }
  return AddedTokens(std::move(tokens));
}

/// Returns a private-use character (U+E000 to U+F8FF) that is in no content.
std::string free_character(const std::vector<Turn>& turns) {
  std::set<char32_t> taken;
  for (const Turn& turn : turns)
    for (size_t at = 0; at < turn.content.size();) {
      const Utf8 next = decode_utf8(turn.content, at);
      if (next.code >= 0xE000 && next.code <= 0xF8FF) taken.insert(next.code);
      at += next.size;
    }
  for (char32_t code = 0xE000; code <= 0xF8FF; ++code) {
    if (taken.contains(code)) continue;
    std::string character;
    append_utf8(character, code);
    return character;
  }
  throw invalid_value("messages", "text with every private-use character (U+E000 to U+F8FF)",
                      "text without one of them");
}

/// Puts marks inside all spellings. Each pass marks those that do not overlap; what overlapped them is left for the
/// next, and a spelling overlaps no more others than it has bytes.
void mark_all(std::string& content, const AddedTokens& spellings, const std::string& mark) {
  for (;;) {
    const std::vector<AddedTokens::Match> matches = spellings.find_all(content);
    if (matches.empty()) return;
    std::string marked;
    size_t done = 0;
    for (const AddedTokens::Match& match : matches) {
      const size_t inside = match.begin + decode_utf8(content, match.begin).size;
      (marked += content.substr(done, inside - done)) += mark;
      done = inside;
    }
    content = marked += content.substr(done);
  }
}

}  // namespace

MarkedTurns mark_spelt_tokens(std::vector<Turn> turns, const Tokenizer& tokenizer) {
  const AddedTokens spellings = special_spellings(tokenizer);
  const auto spells_one = [&](const Turn& turn) { return !spellings.find_all(turn.content).empty(); };
  if (std::none_of(turns.begin(), turns.end(), spells_one)) return {std::move(turns), ""};
  const std::string mark = free_character(turns);
  for (Turn& turn : turns) mark_all(turn.content, spellings, mark);
  return {std::move(turns), mark};
}

}  // namespace limpid::server
