#include <algorithm>

#include "limpid/core/random.h"
#include "limpid/core/watch.h"
#include "limpid/methods/fusion/fit.h"
#include "limpid/models/vocabulary.h"

namespace limpid {
namespace {

/// Bytes of the text that each token ends at; special tokens have none.
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

/// Last position of each number of bytes above 0, in order.
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

}  // namespace

std::vector<std::pair<int64_t, int64_t>> aligned_positions(const Tokenizer& target_tokenizer,
                                                           std::span<const TokenId> target,
                                                           const Tokenizer& calibrator_tokenizer,
                                                           std::span<const TokenId> calibrator) {
  std::string target_bytes, calibrator_bytes;
  const auto a = last_positions(byte_ends(target_tokenizer, target, target_bytes));
  const auto b = last_positions(byte_ends(calibrator_tokenizer, calibrator, calibrator_bytes));
  const size_t both = std::min(target_bytes.size(), calibrator_bytes.size());  // one of them may have been cut
  std::vector<std::pair<int64_t, int64_t>> pairs;
  if (target_bytes.compare(0, both, calibrator_bytes, 0, both) != 0) return pairs;
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

  const auto limited = [&](TokenIds ids, const Model& model) {
    const int64_t context = model.config().max_positions;
    const size_t limit = size_t(context > 0 ? std::min(max_tokens, context) : max_tokens);
    if (ids.size() > limit) ids.resize(limit);
    return ids;
  };
  StatePairs result;
  std::vector<Encoded> chosen;
  std::vector<int64_t> ends;  // pairs up to and with each chosen text
  int64_t found = 0;
  for (const std::string& text : texts) {
    if (found >= pairs) break;
    Encoded one;
    one.target = limited(target.tokenizer()->encode(text, true), target);
    if (same) {
      one.calibrator = limited(one.target, calibrator);
      for (size_t i = 0; i < one.calibrator.size(); ++i)
        if (!target.tokenizer()->is_special(one.target[i])) one.positions.emplace_back(i, i);
    } else {
      one.calibrator = limited(calibrator.tokenizer()->encode(text, true), calibrator);
      one.positions = aligned_positions(*target.tokenizer(), one.target, *calibrator.tokenizer(), one.calibrator);
    }
    if (one.positions.empty()) {
      result.skipped_texts += !text.empty();
      continue;
    }
    if (int64_t(one.positions.size()) > pairs - found) one.positions.resize(size_t(pairs - found));
    ends.push_back(found += int64_t(one.positions.size()));
    chosen.push_back(std::move(one));
  }
  result.texts = chosen.size();

  // The last tenth tests the map. It begins with a text of its own, unless one text is all there is.
  result.fit = found - found / 10;
  for (int64_t end : ends)
    if (end <= found - std::max<int64_t>(2, found / 10)) result.fit = end;
  LIMPID_CHECK(result.fit >= 2 && found - result.fit >= 2, ConfigError, "[fit] the texts give ", found,
               " pairs of states, too few to fit a map and to test it; give more text");

  result.C = torch::empty({found, calibrator.config().hidden_size}, torch::kFloat32);
  result.T = torch::empty({found, target.config().hidden_size}, torch::kFloat32);
  Progress progress(watch, "states", uint64_t(found), "pairs");
  constexpr size_t kTextsPerPass = 8;
  int64_t row = 0;
  for (size_t begin = 0; begin < chosen.size(); begin += kTextsPerPass) {
    watch.throw_if_stopped();
    const size_t count = std::min(kTextsPerPass, chosen.size() - begin);
    std::vector<const TokenIds*> for_target, for_calibrator;
    for (size_t i = begin; i < begin + count; ++i) {
      for_target.push_back(&chosen[i].target);
      for_calibrator.push_back(&chosen[i].calibrator);
    }
    const Tensor t = states_of(target, for_target), c = states_of(calibrator, for_calibrator);
    int64_t t_start = 0, c_start = 0;
    for (size_t i = begin; i < begin + count; ++i) {
      for (const auto& [at_target, at_calibrator] : chosen[i].positions) {
        result.T[row].copy_(t[t_start + at_target]);
        result.C[row++].copy_(c[c_start + at_calibrator]);
      }
      t_start += int64_t(chosen[i].target.size());
      c_start += int64_t(chosen[i].calibrator.size());
    }
    progress.update(uint64_t(row));
  }
  progress.finish();
  return result;
}

}  // namespace limpid
