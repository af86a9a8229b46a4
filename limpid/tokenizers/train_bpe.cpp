#include "limpid/tokenizers/train_bpe.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>

#include "limpid/checkpoints/quote.h"
#include "limpid/core/error.h"
#include "limpid/core/types.h"
#include "limpid/tokenizers/pretokenizer.h"
#include "limpid/tokenizers/split_rules.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

using Pair = std::pair<TokenId, TokenId>;

struct PairHash {
  size_t operator()(const Pair& pair) const {
    return size_t((uint64_t(uint32_t(pair.first)) << 32 | uint32_t(pair.second)) * 0x9E3779B97F4A7C15ull >> 7);
  }
};

struct Word {
  std::vector<TokenId> tokens;
  int64_t count;
};

/// A pair that may be joined, and the words it was last seen to come up in.
struct Candidate {
  Pair pair;
  int64_t count;
  std::vector<uint32_t> words;
  bool operator<(const Candidate& other) const {
    return count != other.count ? count < other.count : pair > other.pair;
  }
};

/// The state of one training: words in tokens, and how often which pair stands in them.
class Merger {
 public:
  Merger(std::vector<std::string> names, std::vector<Word> words) : names_(std::move(names)), words_(std::move(words)) {
    for (size_t id = 0; id < names_.size(); ++id) ids_.emplace(names_[id], TokenId(id));
    Places places;
    for (uint32_t index = 0; index < words_.size(); ++index)
      for (size_t i = 0; i + 1 < words_[index].tokens.size(); ++i)
        note({words_[index].tokens[i], words_[index].tokens[i + 1]}, index, places);
    push(std::move(places));
  }

  void run(size_t vocab_size, uint64_t min_frequency, Watch& watch) {
    while (names_.size() < vocab_size && !queue_.empty()) {
      watch.throw_if_stopped();
      Candidate best = queue_.top();
      queue_.pop();
      if (const int64_t now = counts_[best.pair]; now != best.count) {  // it became rarer since it was queued
        best.count = now;
        queue_.push(std::move(best));
        continue;
      }
      if (best.count < 1 || uint64_t(best.count) < min_frequency) return;
      join(best);
    }
  }

  const std::vector<std::string>& names() const { return names_; }
  const std::vector<Pair>& merges() const { return merges_; }

 private:
  using Places = std::unordered_map<Pair, std::vector<uint32_t>, PairHash>;

  void note(Pair pair, uint32_t word, Places& places) {
    counts_[pair] += words_[word].count;
    std::vector<uint32_t>& seen = places[pair];
    if (seen.empty() || seen.back() != word) seen.push_back(word);
  }

  void push(Places places) {
    for (auto& [pair, words] : places)
      if (const int64_t count = counts_[pair]; count > 0) queue_.push({pair, count, std::move(words)});
  }

  void join(const Candidate& best) {
    const std::string name = names_[size_t(best.pair.first)] + names_[size_t(best.pair.second)];
    const auto [place, is_new] = ids_.emplace(name, TokenId(names_.size()));
    if (is_new) names_.push_back(name);
    merges_.push_back(best.pair);
    Places places;
    for (uint32_t word : best.words) join_in(word, best.pair, place->second, places);
    push(std::move(places));
  }

  // The count of the joined pair itself is left as it is, as the library leaves it: it is not asked for again.
  void join_in(uint32_t index, Pair pair, TokenId joined, Places& places) {
    Word& word = words_[index];
    std::vector<TokenId>& tokens = word.tokens;
    std::vector<TokenId> out;
    out.reserve(tokens.size());
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (i + 1 == tokens.size() || tokens[i] != pair.first || tokens[i + 1] != pair.second) {
        out.push_back(tokens[i]);
        continue;
      }
      if (!out.empty()) {
        counts_[{out.back(), pair.first}] -= word.count;
        note({out.back(), joined}, index, places);
      }
      out.push_back(joined);
      if (i + 2 < tokens.size()) {
        counts_[{pair.second, tokens[i + 2]}] -= word.count;
        note({joined, tokens[i + 2]}, index, places);
      }
      ++i;
    }
    tokens = std::move(out);
  }

  std::vector<std::string> names_;  // in the byte alphabet
  std::unordered_map<std::string, TokenId> ids_;
  std::vector<Word> words_;
  std::vector<Pair> merges_;
  std::unordered_map<Pair, int64_t, PairHash> counts_;
  std::priority_queue<Candidate> queue_;
};

/// Returns the pairs in order, each once, where it stands last: a later merge of a pair takes the place of an earlier.
Json merge_list(const Merger& merger) {
  std::set<Pair> seen;
  std::vector<Json> merges;
  for (auto pair = merger.merges().rbegin(); pair != merger.merges().rend(); ++pair)
    if (seen.insert(*pair).second)
      merges.push_back(Json::array({merger.names()[size_t(pair->first)], merger.names()[size_t(pair->second)]}));
  std::reverse(merges.begin(), merges.end());
  return merges;
}

Json special_list(const std::vector<std::string>& tokens) {
  Json out = Json::array();
  for (const std::string& token : tokens)
    out.push_back({{"id", out.size()},
                   {"content", token},
                   {"single_word", false},
                   {"lstrip", false},
                   {"rstrip", false},
                   {"normalized", false},
                   {"special", true}});
  return out;
}

bool is_byte_letter(const std::string& token) {
  std::string bytes;
  return from_byte_letters(token, bytes) && bytes.size() == 1;
}

void check_specials(const std::vector<std::string>& tokens) {
  std::set<std::string> seen;
  for (const std::string& token : tokens) {
    LIMPID_CHECK(!token.empty(), ConfigError, "[train tokenizer] a special token is empty, expected a text");
    LIMPID_CHECK(!is_byte_letter(token), ConfigError, "[train tokenizer] special token ", quote(token),
                 " is the token of a byte, expected another text");
    LIMPID_CHECK(seen.insert(token).second, ConfigError, "[train tokenizer] special token ", quote(token),
                 " is given twice");
  }
}

}  // namespace

BpeTrainer::BpeTrainer(Options options) : options_(std::move(options)) {
  check_specials(options_.special_tokens);
  const size_t least = options_.special_tokens.size() + 256;
  LIMPID_CHECK(options_.vocab_size >= least, ConfigError, "[train tokenizer] a vocabulary of ", options_.vocab_size,
               ", expected at least ", least, ": the special tokens and the bytes");
}

void BpeTrainer::add(std::string_view text) {
  static const PreTokenizer splitter = [] {
    PreTokenizer out;
    out.add_split(gpt2_split());
    return out;
  }();
  const std::string valid = to_valid_utf8(text);
  Pieces pieces;
  splitter.split(valid, {}, pieces);
  for (const Pieces::Span& span : pieces.spans) ++words_[std::string(pieces.piece(span))];
}

Json BpeTrainer::train(Watch& watch) const {
  LIMPID_CHECK(!words_.empty(), ConfigError, "[train tokenizer] there is no text to learn from");
  std::vector<std::string> names = options_.special_tokens;
  std::map<char32_t, uint8_t> letters;  // tokens of bytes stand in the order of their letters
  for (int byte = 0; byte < 256; ++byte) letters[byte_to_letter(uint8_t(byte))] = uint8_t(byte);
  TokenId ids[256];
  for (const auto& [letter, byte] : letters) {
    ids[byte] = TokenId(names.size());
    names.emplace_back();
    append_utf8(names.back(), letter);
  }
  std::vector<Word> words;
  for (const auto& [bytes, count] : words_) {
    words.push_back({{}, int64_t(count)});
    for (char byte : bytes) words.back().tokens.push_back(ids[uint8_t(byte)]);
  }
  Merger merger(std::move(names), std::move(words));
  merger.run(options_.vocab_size, options_.min_frequency, watch);
  Json vocabulary = Json::object();
  for (size_t id = 0; id < merger.names().size(); ++id) vocabulary[merger.names()[id]] = id;
  const Json model = {{"type", "BPE"},
                      {"dropout", nullptr},
                      {"unk_token", nullptr},
                      {"fuse_unk", false},
                      {"byte_fallback", false},
                      {"ignore_merges", false},
                      {"vocab", vocabulary},
                      {"merges", merge_list(merger)},
                      {"continuing_subword_prefix", nullptr},
                      {"end_of_word_suffix", nullptr}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", special_list(options_.special_tokens)},
          {"normalizer", nullptr},
          {"pre_tokenizer", gpt2_pre_tokenizer()},
          {"post_processor", nullptr},
          {"decoder", gpt2_pre_tokenizer()},
          {"model", model}};
}

}  // namespace limpid
