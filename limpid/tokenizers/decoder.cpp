#include "limpid/tokenizers/decoder.h"

#include <algorithm>

#include "limpid/tokenizers/growth.h"
#include "limpid/tokenizers/json_parts.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

/// Place of a token in what a step is given.
struct Position {
  bool first = false, last = false;
};

// Removes what the tokenizers library removes when a WordPiece decoder cleans up, token by token.
std::string cleaned_up(std::string word) {
  static constexpr std::pair<const char*, const char*> kRules[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) word = replace_all(std::move(word), from, to);
  return word;
}

std::string without_prefix(std::string_view token, const Decoder::Step& step, Position at) {
  if (at.first) return std::string(token);
  if (token.starts_with(step.from)) return std::string(token.substr(step.from.size()));
  return " " + std::string(token);
}

std::string stripped(std::string_view token, const Decoder::Step& step) {
  for (size_t i = 0; i < step.start && token.starts_with(step.from); ++i) token.remove_prefix(step.from.size());
  for (size_t i = 0; i < step.stop && token.ends_with(step.from); ++i) token.remove_suffix(step.from.size());
  return std::string(token);
}

std::string run(const Decoder::Step& step, std::string token, Position at, const GrowthLimit& limit) {
  using Kind = Decoder::Kind;
  switch (step.kind) {
    case Kind::kByteLetters: {
      std::string bytes;
      return from_byte_letters(token, bytes) ? bytes : token;
    }
    case Kind::kWordPiece:
      token = without_prefix(token, step, at);
      return step.clean_up ? cleaned_up(std::move(token)) : token;
    case Kind::kMetaspace: return replace_all(std::move(token), step.from, at.first && step.flag ? "" : " ");
    case Kind::kWordSuffix: return replace_all(std::move(token), step.from, at.last ? "" : " ");
    case Kind::kCtc:
      token = replace_all(std::move(token), step.from, "");
      return step.clean_up ? replace_all(cleaned_up(std::move(token)), step.to, " ") : token;
    case Kind::kReplace:
      // Steps before may have made bytes of it, and expressions are matched on text.
      return step.regex ? step.regex->replaced(to_valid_utf8(token), step.to, limit.most())
                        : limit.replace_all(std::move(token), step.from, step.to);
    case Kind::kFuse: return token;
    case Kind::kStrip: return stripped(token, step);
    case Kind::kByteFallback:
      if (const int byte = fallback_byte(token); byte >= 0) return std::string(1, char(byte));
      return token;
  }
  return token;
}

size_t total_size(const std::vector<std::string>& tokens) {
  size_t size = 0;
  for (const std::string& token : tokens) size += token.size();
  return size;
}

bool joins(Decoder::Kind kind) { return kind == Decoder::Kind::kFuse || kind == Decoder::Kind::kByteLetters; }

}  // namespace

std::string Decoder::text(std::vector<std::string> tokens) const {
  const GrowthLimit limit(total_size(tokens), "decoder");
  for (const Step& step : steps_) {
    if (step.kind == Kind::kCtc) tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    size_t size = 0;
    for (size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = run(step, std::move(tokens[i]), {i == 0, i + 1 == tokens.size()}, limit);
      limit.check(size += tokens[i].size());
    }
    if (step.kind == Kind::kCtc) std::erase(tokens, "");
    if (!joins(step.kind) || tokens.size() < 2) continue;
    for (size_t i = 1; i < tokens.size(); ++i) tokens[0] += tokens[i];
    tokens.resize(1);
  }
  std::string out;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (steps_.empty() && i > 0) out += ' ';
    out += tokens[i];
  }
  return out;
}

std::string Decoder::between(std::string_view name) const {
  if (steps_.empty()) return " " + std::string(name);
  const GrowthLimit limit(name.size(), "decoder");
  std::string token(name);
  bool joined = false;
  for (const Step& step : steps_) {
    // Once all tokens are one, a token in the middle is at no end.
    if (joined && step.kind == Kind::kStrip) continue;
    // The space in front of a word is its own, also where cleaning up takes it from the text that is shown: hashes of
    // vocabularies count it.
    token = step.kind == Kind::kWordPiece ? without_prefix(token, step, {}) : run(step, std::move(token), {}, limit);
    joined |= joins(step.kind);
  }
  return token;
}

}  // namespace limpid
