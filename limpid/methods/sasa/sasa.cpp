#include "limpid/methods/sasa/sasa.h"

#include <algorithm>
#include <cmath>

#include "limpid/core/error.h"
#include "limpid/decoding/logits.h"
#include "limpid/methods/sasa/method.h"

namespace limpid::sasa {
namespace {

// A candidate writes into a cache page of its own, a copy of the text's last one. So much memory for those that are
// read together; fewer than 8 at a time would read the weights too often.
constexpr size_t kPageBytes = 512u << 20, kFewest = 8, kMost = 320;

TokenIds candidates_of(const Row& row, std::span<const float> z, size_t count) {
  std::vector<float> kept(z.begin(), z.end());
  const SamplingOptions& sampling = row.request.sampling;
  apply_filters(kept, sampling, row.seen());
  return likeliest(kept, count);
}

}  // namespace

void add_margins(std::span<float> z, std::span<const TokenId> candidates, std::span<const float> margins, float beta,
                 SasaRule rule) {
  std::vector<double> share(margins.begin(), margins.end());
  if (rule == SasaRule::AsCoded) {
    const double top = *std::max_element(share.begin(), share.end());
    double sum = 0.0;
    for (double& value : share) sum += value = std::exp(value - top);
    for (double& value : share) value /= sum;
  }
  for (size_t i = 0; i < candidates.size(); ++i) z[size_t(candidates[i])] += float(beta * share[i]);
}

SasaSession::SasaSession(const Model& target, SasaParts parts)
    : parts_(std::move(parts)),
      text_{target.shared_from_this()} {
  const int64_t D = target.config().hidden_size;
  const auto fits = [&](const Tensor& x) { return x.dim() == 1 && x.size(0) == D; };
  const auto& [w, midpoint, rank, odds] = parts_.subspace;
  LIMPID_CHECK(fits(w) && fits(midpoint), ShapeError, "[sasa] direction and midpoint have shapes ", w.sizes(), " and ",
               midpoint.sizes(), ", expected [", D, "]");
  LIMPID_CHECK(parts_.candidates > 0, ConfigError, "[sasa] candidates is ", parts_.candidates, ", expected at least 1");
}

/// Returns the margins of all rows' candidates, row after row.
Tensor SasaSession::candidate_margins(const Step& step, const std::vector<TokenIds>& candidates) {
  const ReadTexts texts = step.read(0);
  std::vector<std::pair<const nn::KvCache*, const TokenId*>> queue;
  for (size_t r = 0; r < candidates.size(); ++r)
    for (const TokenId& candidate : candidates[r]) queue.emplace_back(&texts.cache(r), &candidate);
  const size_t at_once = std::clamp(kPageBytes / queue.front().first->pool()->bytes_per_page(), kFewest, kMost);
  std::vector<Tensor> chunks;
  for (size_t first = 0; first < queue.size(); first += at_once) {
    const size_t end = std::min(queue.size(), first + at_once);
    std::vector<nn::KvCache> forks;
    forks.reserve(end - first);
    std::vector<nn::Sequence> sequences;
    for (size_t i = first; i < end; ++i) {
      forks.push_back(*queue[i].first);
      sequences.push_back({&forks.back(), {queue[i].second, 1}});
    }
    nn::Pass pass(sequences);
    chunks.push_back(margins(parts_.subspace, text_.model->final_state(pass, Outputs::Last)));
  }
  return torch::cat(chunks);
}

void SasaSession::logits(const Step& step, Tensor& z) {
  std::vector<TokenIds> candidates(step.rows.size());
  parallel_rows(step, z, [&](size_t r, std::span<float> row) {
    candidates[r] = candidates_of(*step.rows[r], row, size_t(parts_.candidates));
  });
  const Tensor row_margins = candidate_margins(step, candidates);
  const float* next = row_margins.const_data_ptr<float>();
  const auto rows = rows_of(z);
  for (size_t r = 0; r < rows.size(); ++r) {
    if (candidates[r].empty()) continue;
    add_margins(rows[r], candidates[r], {next, candidates[r].size()}, step.strengths[r], parts_.rule);
    next += candidates[r].size();
    if (parts_.rule == SasaRule::AsCoded) continue;
    std::vector<float> kept(rows[r].size(), kRemoved);
    for (TokenId id : candidates[r]) kept[size_t(id)] = rows[r][size_t(id)];
    std::copy(kept.begin(), kept.end(), rows[r].begin());
  }
}

}  // namespace limpid::sasa
