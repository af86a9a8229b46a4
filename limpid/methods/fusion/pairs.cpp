#include <algorithm>

#include "limpid/core/random.h"
#include "limpid/core/watch.h"
#include "limpid/methods/fusion/fit.h"
#include "limpid/models/vocabulary.h"

namespace limpid::fusion {
namespace {

/// Appends the ids' bytes to `bytes` and returns where in it each token ends; special tokens have no bytes.
std::vector<size_t> byte_ends(const Tokenizer& tokenizer, std::span<const TokenId> ids, std::string& bytes) {
  std::vector<size_t> ends;
  for (TokenId id : ids) {
    bytes += tokenizer.token_bytes(id);
    ends.push_back(bytes.size());
  }
  if (tokenizer.has_dummy_prefix() && bytes.starts_with(' ')) {
    bytes.erase(0, 1);
    for (size_t& end : ends) end -= std::min<size_t>(end, 1);
  }
  return ends;
}

/// Returns the last position of each number of bytes above 0, in order.
std::vector<std::pair<size_t, int64_t>> last_positions(const std::vector<size_t>& ends) {
  std::vector<std::pair<size_t, int64_t>> last;
  for (size_t i = 0; i < ends.size(); ++i) {
    if (ends[i] == 0) continue;
    if (!last.empty() && last.back().first == ends[i])
      last.back().second = int64_t(i);
    else
      last.emplace_back(ends[i], int64_t(i));
  }
  return last;
}

struct Encoded {
  TokenIds target, calibrator;
  std::vector<std::pair<int64_t, int64_t>> positions;
};

Tensor states_of(const Model& model, std::span<const TokenIds* const> texts) {
  std::vector<nn::KvCache> caches(texts.size(), model.make_cache());
  std::vector<nn::Sequence> sequences;
  for (size_t i = 0; i < texts.size(); ++i) sequences.push_back({&caches[i], *texts[i]});
  nn::Pass pass(sequences);
  return model.final_state(pass, Outputs::All);
}

TokenIds encode_limited(const Tokenizer& tokenizer, const std::string& text, const Model& model, int64_t max_tokens) {
  const int64_t context = model.config().max_positions;
  TokenIds ids = tokenizer.encode(text, true);
  ids.resize(std::min(ids.size(), size_t(context > 0 ? std::min(max_tokens, context) : max_tokens)));
  return ids;
}

/// Encodes a text for both models, with the positions at which both have read the same bytes.
Encoded encode_for_both(const Model& target, const Model& calibrator, bool same, const std::string& text,
                        int64_t max_tokens) {
  const Tokenizer& tokenizer = *target.tokenizer();
  Encoded encoded;
  encoded.target = encode_limited(tokenizer, text, target, max_tokens);
  if (same) {
    encoded.calibrator = encoded.target;
    const int64_t context = calibrator.config().max_positions;
    if (context > 0 && encoded.calibrator.size() > size_t(context)) encoded.calibrator.resize(size_t(context));
    for (size_t i = 0; i < encoded.calibrator.size(); ++i)
      if (!tokenizer.is_special(encoded.target[i])) encoded.positions.emplace_back(i, i);
  } else {
    encoded.calibrator = encode_limited(*calibrator.tokenizer(), text, calibrator, max_tokens);
    encoded.positions = aligned_positions(tokenizer, encoded.target, *calibrator.tokenizer(), encoded.calibrator);
  }
  return encoded;
}

/// Returns how many of the pairs make the map. The last tenth tests it, and begins with a text of its own, unless one
/// text is all there is. @param ends  pairs up to and with each text
int64_t pairs_to_fit(const std::vector<int64_t>& ends, int64_t pairs) {
  int64_t fit = pairs - pairs / 10;
  for (int64_t end : ends)
    if (end <= pairs - std::max<int64_t>(2, pairs / 10)) fit = end;
  LIMPID_CHECK(fit >= 2 && pairs - fit >= 2, ConfigError, "[fit] the texts give ", pairs,
               " pairs of states, too few to fit a map and to test it; give more text");
  return fit;
}

/// Reads some texts with both models and copies their states into C and T from `row` on; returns the row behind them.
int64_t copy_states(const Model& target, const Model& calibrator, std::span<const Encoded> texts, int64_t row,
                    StatePairs& result) {
  std::vector<const TokenIds*> for_target, for_calibrator;
  for (const Encoded& text : texts) {
    for_target.push_back(&text.target);
    for_calibrator.push_back(&text.calibrator);
  }
  const Tensor t = states_of(target, for_target), c = states_of(calibrator, for_calibrator);
  int64_t t_start = 0, c_start = 0;
  for (const Encoded& text : texts) {
    for (const auto& [at_target, at_calibrator] : text.positions) {
      result.T[row].copy_(t[t_start + at_target]);
      result.C[row++].copy_(c[c_start + at_calibrator]);
    }
    t_start += int64_t(text.target.size());
    c_start += int64_t(text.calibrator.size());
  }
  return row;
}

}  // namespace

std::vector<std::pair<int64_t, int64_t>> aligned_positions(const Tokenizer& target_tokenizer,
                                                           std::span<const TokenId> target,
                                                           const Tokenizer& calibrator_tokenizer,
                                                           std::span<const TokenId> calibrator) {
  std::string target_bytes, calibrator_bytes;
  const auto a = last_positions(byte_ends(target_tokenizer, target, target_bytes));
  const auto b = last_positions(byte_ends(calibrator_tokenizer, calibrator, calibrator_bytes));
  const size_t common = std::min(target_bytes.size(), calibrator_bytes.size());  // one of them may have been cut
  std::vector<std::pair<int64_t, int64_t>> pairs;
  if (target_bytes.compare(0, common, calibrator_bytes, 0, common) != 0) return pairs;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i].first == b[j].first)
      pairs.emplace_back(a[i++].second, b[j++].second);
    else
      a[i].first < b[j].first ? ++i : ++j;
  }
  return pairs;
}

StatePairs collect_pairs(const Model& target, const Model& calibrator, std::vector<std::string> texts, int64_t pairs,
                         int64_t max_tokens, uint64_t seed, Watch& watch) {
  LIMPID_CHECK(target.tokenizer(), ConfigError, "[fit] the target came without a tokenizer; texts cannot be encoded");
  LIMPID_CHECK(pairs >= 4, ConfigError, "[fit] ", pairs, " pairs of states, expected at least 4");
  const bool same = same_vocabulary(target, calibrator);
  LIMPID_CHECK(same || calibrator.tokenizer(), ConfigError,
               "[fit] the calibrator came without a tokenizer; texts cannot be encoded");
  RandomStream(seed, /*stream=*/0x70616972).shuffle(texts);

  StatePairs result;
  std::vector<Encoded> chosen;
  std::vector<int64_t> ends;
  int64_t collected = 0;
  for (const std::string& text : texts) {
    if (collected >= pairs) break;
    Encoded encoded = encode_for_both(target, calibrator, same, text, max_tokens);
    if (encoded.positions.empty()) {
      result.skipped_texts += !text.empty();
      continue;
    }
    if (int64_t(encoded.positions.size()) > pairs - collected) encoded.positions.resize(size_t(pairs - collected));
    ends.push_back(collected += int64_t(encoded.positions.size()));
    chosen.push_back(std::move(encoded));
  }
  result.texts = chosen.size();
  result.fit = pairs_to_fit(ends, collected);

  result.C = torch::empty({collected, calibrator.config().hidden_size}, torch::kFloat32);
  result.T = torch::empty({collected, target.config().hidden_size}, torch::kFloat32);
  Progress progress(watch, "states", uint64_t(collected), "pairs");
  constexpr size_t kTextsPerPass = 8;
  int64_t row = 0;
  for (size_t begin = 0; begin < chosen.size(); begin += kTextsPerPass) {
    watch.throw_if_stopped();
    const size_t count = std::min(kTextsPerPass, chosen.size() - begin);
    row = copy_states(target, calibrator, std::span(chosen).subspan(begin, count), row, result);
    progress.update(uint64_t(row));
  }
  progress.finish();
  return result;
}

}  // namespace limpid::fusion
