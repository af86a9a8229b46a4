#include "limpid/methods/gedi/gedi.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "limpid/decoding/judge.h"
#include "limpid/decoding/logits.h"
#include "limpid/methods/gedi/method.h"
#include "limpid/models/vocabulary.h"

namespace limpid::gedi {
namespace {

double logit(double p) { return std::log(p / (1.0 - p)); }
double log_sigmoid(double x) { return x < 0.0 ? x - std::log1p(std::exp(x)) : -std::log1p(std::exp(-x)); }

}  // namespace

double GediRule::moved_target_p() const { return 1.0 / (1.0 + std::exp(-(logit(target_p) + class_bias))); }

void GediRule::check() const {
  LIMPID_CHECK(std::isfinite(scale) && std::isfinite(bias[0]) && std::isfinite(bias[1]) && std::isfinite(class_bias),
               ConfigError, "[gedi] scale, bias and class bias are numbers");
  LIMPID_CHECK(GediMethod::kFilterShares.contains(filter_p), ConfigError, "[gedi] filter_p is ", filter_p,
               ", expected ", GediMethod::kFilterShares.text());
  LIMPID_CHECK(GediMethod::kTargets.contains(target_p), ConfigError, "[gedi] target_p is ", target_p, ", expected ",
               GediMethod::kTargets.text());
}

std::vector<float> log_clean(std::array<double, 2> sums, std::span<const float> logp, size_t t, const GediRule& rule) {
  const size_t V = logp.size() / 2;
  const double bias = rule.bias[0] + rule.class_bias - rule.bias[1];
  std::vector<float> result(V);
  for (size_t v = 0; v < V; ++v) {
    const double clean = sums[0] + double(logp[v]), dirty = sums[1] + double(logp[V + v]);
    result[v] = float(log_sigmoid(rule.scale * (clean - dirty) / double(t) + bias));
  }
  return result;
}

void guide_logits(std::span<float> z, std::span<const float> log_clean, float omega, const GediRule& rule) {
  const double log_sum = log_sum_exp(z);
  for (size_t v = 0; v < z.size(); ++v) z[v] = float(double(z[v]) - log_sum + double(omega) * double(log_clean[v]));
  const double total = log_sum_exp(z), enough = std::log(rule.moved_target_p());
  std::vector<uint32_t> order(z.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return log_clean[a] < log_clean[b]; });
  double mass = 0.0;
  for (size_t i = 0; i + 1 < order.size(); ++i) {
    const uint32_t v = order[i];
    mass += std::exp(double(z[v]) - total);
    if (!(mass < rule.filter_p) || double(log_clean[v]) >= enough) break;  // both only grow along the order
    z[v] = kRemoved;
  }
}

GediSession::GediSession(const Model& target, std::shared_ptr<const Model> guide, std::array<TokenIds, 2> codes,
                         GediRule rule)
    : guide_(std::move(guide)),
      codes_(std::move(codes)),
      rule_(rule) {
  rule_.check();
  check_same_vocabulary(target, *guide_, "guide", "[gedi] ");
  for (const TokenIds& code : codes_) LIMPID_CHECK(!code.empty(), ConfigError, "[gedi] a control code has no tokens");
}

std::vector<Reading> GediSession::readings() const { return {{.model = guide_, .prefixes = {codes_[0], codes_[1]}}}; }

TokenIds GediSession::text_of(const Row& row) const {
  TokenIds text = row.history();
  const auto& tokenizer = guide_->tokenizer();
  if (tokenizer && tokenizer->adds_bos() && tokenizer->bos() && text.front() == *tokenizer->bos())
    text.erase(text.begin());
  return text;
}

/// Brings the sums to `text`. One more token costs nothing: its log-probabilities are known. Neither does going back to
/// a text that was read. Any other (a prompt) is read anew.
void GediSession::follow(Sums& sums, TokenIds text) const {
  const bool goes_on =
      text.size() == sums.text.size() + 1 && std::equal(sums.text.begin(), sums.text.end(), text.begin());
  const bool goes_back = text.size() <= sums.text.size() && text.size() + sums.log_p.size() > sums.text.size() &&
                         std::equal(text.begin(), text.end(), sums.text.begin());
  if (sums.next.defined() && goes_on) {
    std::array<double, 2> log_p = sums.log_p.back();
    for (size_t c = 0; c < 2; ++c)
      log_p[c] += double(sums.next.const_data_ptr<float>()[int64_t(c) * sums.next.size(1) + text.back()]);
    sums.log_p.push_back(log_p);
  } else if (goes_back) {
    sums.log_p.resize(sums.log_p.size() - (sums.text.size() - text.size()));
  } else {
    std::array<double, 2> log_p;
    for (size_t c = 0; c < 2; ++c) {
      const std::vector<double> nll = continuation_likelihoods(*guide_, codes_[c], {&text, 1})[0];
      log_p[c] = -std::accumulate(nll.begin(), nll.end(), 0.0);
    }
    sums.log_p = {log_p};
  }
  sums.text = std::move(text);
}

void GediSession::logits(const Step& step, Tensor& z) {
  std::vector<Sums*> sums;
  for (size_t r = 0; r < step.rows.size(); ++r) {
    sums.push_back(&step.memory<Sums>(r));
    follow(*sums[r], text_of(*step.rows[r]));
    sums[r]->next = torch::empty({2, z.size(1)}, torch::kFloat32);
  }
  Tensor guide = step.read(0).logits();  // [R * 2, V]
  const auto guide_rows = rows_of(guide);
  parallel_rows(step, z, [&](size_t r, std::span<float> row) {
    const size_t V = row.size();
    const std::span<float> next(sums[r]->next.mutable_data_ptr<float>(), 2 * V);
    for (size_t c = 0; c < 2; ++c) {
      const std::span<const float> guide_row = guide_rows[2 * r + c];
      const double log_sum = log_sum_exp(guide_row);
      for (size_t v = 0; v < V; ++v) next[c * V + v] = float(double(guide_row[v]) - log_sum);
    }
    const std::vector<float> clean = log_clean(sums[r]->log_p.back(), next, sums[r]->text.size() + 1, rule_);
    guide_logits(row, clean, step.strengths[r], rule_);
  });
}

}  // namespace limpid::gedi
