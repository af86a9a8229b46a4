#include "limpid/methods/sasa/sasa.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "limpid/core/error.h"
#include "limpid/methods/sasa/method.h"

namespace limpid {
namespace {

constexpr float kRemoved = -std::numeric_limits<float>::infinity();
// A candidate writes into a cache page of its own, a copy of the text's last one. So much memory for those that are
// read together; fewer than 8 at a time would read the weights too often.
constexpr size_t kPageBytes = 512u << 20, kFewest = 8, kMost = 320;

/// The `count` likeliest tokens that are not removed, best first; lower ids first among equals.
TokenIds likeliest(std::span<const float> z, size_t count) {
  TokenIds ids;
  for (size_t v = 0; v < z.size(); ++v)
    if (z[v] != kRemoved) ids.push_back(TokenId(v));
  count = std::min(count, ids.size());
  std::partial_sort(ids.begin(), ids.begin() + long(count), ids.end(), [&](TokenId a, TokenId b) {
    return z[size_t(a)] > z[size_t(b)] || (z[size_t(a)] == z[size_t(b)] && a < b);
  });
  ids.resize(count);
  return ids;
}

TokenIds candidates_of(const Row& row, std::span<const float> z, size_t count) {
  std::vector<float> kept(z.begin(), z.end());
  const SamplingOptions& sampling = row.request.sampling;
  apply_filters(kept, sampling, sampling.repetition_penalty == 1.0f ? TokenIds{} : row.history());
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
      text_(target.shared_from_this()) {
  const int64_t D = target.config().hidden_size;
  const auto fits = [&](const Tensor& x) { return x.dim() == 1 && x.size(0) == D; };
  const auto& [w, midpoint, rank, odds] = parts_.subspace;
  LIMPID_CHECK(fits(w) && fits(midpoint), ShapeError, "[sasa] direction and midpoint have shapes ", w.sizes(), " and ",
               midpoint.sizes(), ", expected [", D, "]");
  LIMPID_CHECK(parts_.candidates > 0, ConfigError, "[sasa] candidates is ", parts_.candidates, ", expected at least 1");
}

/// Of all rows' candidates one after another.
Tensor SasaSession::candidate_margins(const Step& step, const std::vector<TokenIds>& candidates) {
  const Model& target = text_.model();
  std::vector<std::pair<const nn::KvCache*, const TokenId*>> all;
  for (size_t r = 0; r < candidates.size(); ++r)
    for (const TokenId& candidate : candidates[r]) all.emplace_back(&text_.cache(step.rows[r]->id), &candidate);
  const size_t at_once =
      std::clamp(kPageBytes / (all.front().first->pool()->floats_per_page() * sizeof(float)), kFewest, kMost);
  std::vector<Tensor> found;
  for (size_t first = 0; first < all.size(); first += at_once) {
    const size_t end = std::min(all.size(), first + at_once);
    std::vector<nn::KvCache> forks;
    forks.reserve(end - first);
    std::vector<nn::Sequence> sequences;
    for (size_t i = first; i < end; ++i) {
      forks.push_back(*all[i].first);
      sequences.push_back({&forks.back(), {all[i].second, 1}});
    }
    nn::Pass pass(sequences);
    found.push_back(margins(parts_.subspace, target.final_state(pass, Outputs::Last)));
  }
  return torch::cat(found);
}

void SasaSession::logits(const Step& step, Tensor& z) {
  z = z.contiguous();
  const size_t V = size_t(z.size(1));
  const auto row_of = [&](size_t r) { return std::span(z.mutable_data_ptr<float>() + r * V, V); };
  std::vector<TokenIds> candidates;
  for (size_t r = 0; r < step.rows.size(); ++r)
    candidates.push_back(candidates_of(*step.rows[r], row_of(r), size_t(parts_.candidates)));
  text_.states(step.rows);
  const Tensor found = candidate_margins(step, candidates);
  const float* next = found.const_data_ptr<float>();
  for (size_t r = 0; r < step.rows.size(); ++r) {
    const std::span<float> row = row_of(r);
    add_margins(row, candidates[r], {next, candidates[r].size()}, step.strengths[r], parts_.rule);
    next += candidates[r].size();
    if (parts_.rule == SasaRule::AsCoded) continue;
    std::vector<float> only(V, kRemoved);
    for (TokenId id : candidates[r]) only[size_t(id)] = row[size_t(id)];
    std::copy(only.begin(), only.end(), row.begin());
  }
}

}  // namespace limpid
