#include "limpid/tokenizers/unigram.h"

#include <algorithm>

#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

constexpr TokenId kUnknown = -1;  // of a step: a character without a token

/// The last token of the best way to write everything before a position.
struct Step {
  double score;
  size_t begin;
  TokenId id;
  bool reached;
};

}  // namespace

UnigramModel::UnigramModel(std::vector<std::pair<std::string_view, TokenId>> entries, std::vector<double> scores,
                           Options options)
    : options_(std::move(options)),
      trie_(std::move(entries)),
      scores_(std::move(scores)) {}

void UnigramModel::encode(std::string_view piece, TokenIds& out) const {
  thread_local std::vector<Step> steps;
  steps.assign(piece.size() + 1, {0, 0, kUnknown, false});
  const auto rounded = [&](double score) { return options_.single_precision ? double(float(score)) : score; };
  const auto offer = [&](size_t begin, size_t end, double score, TokenId id) {
    if (!steps[end].reached || score > steps[end].score) steps[end] = {rounded(score), begin, id, true};
  };
  for (size_t begin = 0; begin < piece.size();) {
    const size_t width = decode_utf8(piece, begin).size;
    const double here = steps[begin].score;
    bool has_character = false;
    trie_.for_each_prefix(piece.substr(begin), [&](size_t length, TokenId id) {
      offer(begin, begin + length, here + scores_[size_t(id)], id);
      has_character |= length == width;
    });
    if (!has_character) offer(begin, begin + width, rounded(here + options_.unknown_score), kUnknown);
    begin += width;
  }
  thread_local std::vector<size_t> ends;
  ends.clear();
  for (size_t end = piece.size(); end > 0; end = steps[end].begin) ends.push_back(end);
  size_t unknown_from = std::string_view::npos;
  for (auto end = ends.rbegin(); end != ends.rend(); ++end) {
    const Step& step = steps[*end];
    if (step.id == kUnknown) {
      unknown_from = std::min(unknown_from, step.begin);
      continue;
    }
    if (unknown_from < step.begin) append_unknown(piece.substr(unknown_from, step.begin - unknown_from), out);
    unknown_from = std::string_view::npos;
    out.push_back(step.id);
  }
  if (unknown_from < piece.size()) append_unknown(piece.substr(unknown_from), out);
}

void UnigramModel::append_unknown(std::string_view text, TokenIds& out) const {
  if (!options_.bytes.empty())
    for (char byte : text) out.push_back(options_.bytes[uint8_t(byte)]);
  else if (options_.unknown >= 0)
    out.push_back(options_.unknown);
}

}  // namespace limpid
