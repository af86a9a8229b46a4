#include "limpid/tokenizers/unigram.h"

#include <algorithm>

#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

constexpr TokenId kUnknown = -1;  // of a step: a character without a token

bool is_space_or_mark(char32_t code) { return code == ' ' || code == 0x2581; }

}  // namespace

/// The last token of the best way to write everything before a position.
struct UnigramModel::Step {
  double score;
  size_t begin;
  TokenId id;
  bool reached;
};

UnigramModel::UnigramModel(std::vector<std::pair<std::string_view, TokenId>> entries, std::vector<double> scores,
                           Options options)
    : options_(std::move(options)),
      trie_(entries),
      scores_(std::move(scores)) {
  for (const auto& [token, id] : entries) {
    has_space_ |= token == " ";
    has_mark_ |= token == kWordMark;
    char32_t left = 0;
    for (size_t offset = 0; offset < token.size();) {
      const Utf8 next = decode_utf8(token, offset);
      if (offset > 0 && is_space_or_mark(next.code)) joins_following_space_.insert(left);
      left = next.code;
      offset += next.size;
    }
  }
}

bool UnigramModel::may_join(std::string_view left, std::string_view right) const {
  const char32_t space = decode_utf8(right, 0).code;
  if (!is_space_or_mark(space) || joins_following_space_.contains(decode_utf8(left, 0).code)) return true;
  return !(space == ' ' ? has_space_ : has_mark_);  // then it may be one of a run of unknown characters
}

double UnigramModel::score(std::string_view piece, double before) const {
  return best_steps(piece, before).back().score;
}

std::vector<UnigramModel::Step>& UnigramModel::best_steps(std::string_view piece, double before) const {
  thread_local std::vector<Step> steps;
  steps.assign(piece.size() + 1, {0, 0, kUnknown, false});
  steps[0].score = before;
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
  return steps;
}

void UnigramModel::encode_behind(std::string_view piece, double before, TokenIds& out) const {
  const std::vector<Step>& steps = best_steps(piece, before);
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
