#include "limpid/decoding/sampler.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "limpid/core/error.h"
#include "limpid/decoding/logits.h"

namespace limpid {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();

/// Returns the highest of a row: the pass over it that finds what is no number, too.
float highest(std::span<const float> logits) {
  const kernels::RowPeak peak = kernels::row_peak(logits.data(), logits.size());
  const char* fault = fault_of(peak);
  LIMPID_CHECK(!fault, Error, "[sampler] logits: ", fault);
  return peak.highest;
}

/// Returns the probabilities of a row, float32 as in transformers. @param top  the highest of the row
std::vector<float> softmax(std::span<const float> logits, float top) {
  std::vector<float> p(logits.size());
  double sum = 0.0;
  for (size_t i = 0; i < p.size(); ++i) sum += double(p[i] = std::exp(logits[i] - top));
  const float scale = float(1.0 / sum);
  for (float& value : p) value *= scale;
  return p;
}

void check_range(const char* name, double value, bool good, const char* range) {
  LIMPID_CHECK(good, ConfigError, name, " is ", value, ", expected ", range);
}

}  // namespace

void SamplingOptions::check() const {
  check_range("temperature", temperature, temperature >= 0.0f && std::isfinite(temperature),
              "a number of at least 0 (0 is greedy)");
  check_range("top-k", double(top_k), top_k >= 0, "0 (off) or more");
  check_range("top-p", top_p, top_p > 0.0f && top_p <= 1.0f, "above 0 and at most 1 (off)");
  check_range("min-p", min_p, min_p >= 0.0f && min_p <= 1.0f, "0 (off) to 1");
  check_range("typical-p", typical_p, typical_p > 0.0f && typical_p <= 1.0f, "above 0 and at most 1 (off)");
  check_range("repetition penalty", repetition_penalty, repetition_penalty > 0.0f && std::isfinite(repetition_penalty),
              "above 0 (1 is off)");
  check_range("presence penalty", presence_penalty, std::isfinite(presence_penalty), "a finite number (0 is off)");
  check_range("frequency penalty", frequency_penalty, std::isfinite(frequency_penalty), "a finite number (0 is off)");
  for (const auto& [id, bias] : logit_bias)
    LIMPID_CHECK(std::isfinite(bias), ConfigError, "the bias of token ", id, " is ", bias,
                 ", expected a finite number");
}

void apply_logit_bias(std::span<float> logits, std::span<const std::pair<TokenId, float>> bias) {
  for (const auto& [id, added] : bias) {
    if (id < 0 || size_t(id) >= logits.size()) continue;
    logits[size_t(id)] = added <= kBan ? kRemoved : logits[size_t(id)] + added;
  }
}

void apply_repetition_penalty(std::span<float> logits, const SeenTokens& seen, float penalty) {
  std::vector<TokenId> distinct(seen.prompt.begin(), seen.prompt.end());
  distinct.insert(distinct.end(), seen.answer.begin(), seen.answer.end());
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  for (TokenId id : distinct) {
    if (id < 0 || size_t(id) >= logits.size()) continue;
    float& z = logits[size_t(id)];
    const float penalised = z < 0.0f ? z * penalty : z / penalty;
    z = std::isfinite(z) ? std::clamp(penalised, -kLargest, kLargest) : penalised;
  }
}

void apply_answer_penalties(std::span<float> logits, std::span<const TokenId> answer, float presence, float frequency) {
  std::vector<TokenId> sorted(answer.begin(), answer.end());
  std::sort(sorted.begin(), sorted.end());
  for (size_t begin = 0, end = 0; begin < sorted.size(); begin = end) {
    const TokenId id = sorted[begin];
    while (end < sorted.size() && sorted[end] == id) ++end;
    if (id >= 0 && size_t(id) < logits.size()) logits[size_t(id)] -= presence + frequency * float(end - begin);
  }
}

void apply_temperature(std::span<float> logits, float temperature) {
  // Where the best would leave float32, the distances to it are divided instead: the same distribution.
  const float top = kernels::row_peak(logits.data(), logits.size()).highest;
  const float origin = std::isfinite(top) && std::isinf(top / temperature) ? top : 0.0f;
  for (float& z : logits) z = (z - origin) / temperature;
}

void apply_top_k(std::span<float> logits, int64_t k) {
  highest(logits);  // sorting asks for numbers
  if (k >= int64_t(logits.size())) return;
  std::vector<float> sorted(logits.begin(), logits.end());
  std::nth_element(sorted.begin(), sorted.begin() + (k - 1), sorted.end(), std::greater<>());
  const float least = sorted[size_t(k - 1)];
  for (float& z : logits)
    if (z < least) z = kRemoved;  // equals of the k-th stay, as in transformers
}

// Tokens in ascending order of probability are removed while their cumulative mass stays at or below 1 - p. Sorting
// 50,000 entries for each row and step would cost more than the model: a histogram over log-probability finds the
// narrow band where the limit is crossed, and only that band is sorted.
void apply_top_p(std::span<float> logits, float p) {
  constexpr int kBuckets = 512;
  constexpr float kPerNat = 16.0f;  // bucket 0 is the top 1/16 nat, the last everything below 32 nats
  const float top = highest(logits);
  const std::vector<float> probability = softmax(logits, top);
  const auto bucket_of = [&](float z) { return int(std::min((top - z) * kPerNat, float(kBuckets - 1))); };
  std::array<double, kBuckets> mass{};
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] != kRemoved) mass[size_t(bucket_of(logits[i]))] += double(probability[i]);

  const float limit = 1.0f - p;
  double below = 0.0;
  int band = kBuckets - 1;
  while (band > 0 && float(below + mass[size_t(band)]) <= limit) below += mass[size_t(band--)];

  std::vector<uint32_t> members;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] == kRemoved) continue;
    const int bucket = bucket_of(logits[i]);
    if (bucket > band) logits[i] = kRemoved;
    if (bucket == band) members.push_back(uint32_t(i));
  }
  std::stable_sort(members.begin(), members.end(), [&](uint32_t a, uint32_t b) { return logits[a] < logits[b]; });
  for (size_t m = 0; m < members.size(); ++m) {
    below += double(probability[members[m]]);
    const bool is_last_token = band == 0 && m + 1 == members.size();  // the best token always stays
    if (float(below) > limit || is_last_token) break;
    logits[members[m]] = kRemoved;
  }
}

void apply_min_p(std::span<float> logits, float p) {
  const std::vector<float> probability = softmax(logits, highest(logits));
  const float least = p * *std::max_element(probability.begin(), probability.end());
  for (size_t i = 0; i < logits.size(); ++i)
    if (probability[i] < least) logits[i] = kRemoved;
}

void apply_typical_p(std::span<float> logits, float p) {
  const float top = highest(logits);
  double sum = 0.0;
  for (float z : logits) sum += std::exp(double(z) - top);
  const float log_sum = float(top + std::log(sum));
  std::vector<float> surprise(logits.size()), probability(logits.size());
  double entropy = 0.0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const float log_p = logits[i] - log_sum;
    probability[i] = std::exp(log_p);
    if (probability[i] > 0.0f) entropy -= double(log_p * probability[i]);
  }
  for (size_t i = 0; i < logits.size(); ++i) surprise[i] = std::fabs(-(logits[i] - log_sum) - float(entropy));
  std::vector<uint32_t> order(logits.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = uint32_t(i);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return surprise[a] < surprise[b]; });
  double cumulative = 0.0;
  size_t last = 0;
  for (; last + 1 < order.size(); ++last) {
    cumulative += double(probability[order[last]]);
    if (float(cumulative) >= p) break;
  }
  const float limit = surprise[order[last]];
  for (size_t i = 0; i < logits.size(); ++i)
    if (surprise[i] > limit) logits[i] = kRemoved;
}

void apply_filters(std::span<float> logits, const SamplingOptions& options, const SeenTokens& seen) {
  apply_logit_bias(logits, options.logit_bias);
  if (options.repetition_penalty != 1.0f) apply_repetition_penalty(logits, seen, options.repetition_penalty);
  if (options.presence_penalty != 0.0f || options.frequency_penalty != 0.0f)
    apply_answer_penalties(logits, seen.answer, options.presence_penalty, options.frequency_penalty);
  if (options.is_greedy()) return;  // no filter removes the best token
  if (options.temperature != 1.0f) apply_temperature(logits, options.temperature);
  if (options.top_k > 0) apply_top_k(logits, options.top_k);
  if (options.top_p < 1.0f) apply_top_p(logits, options.top_p);
  if (options.min_p > 0.0f) apply_min_p(logits, options.min_p);
  if (options.typical_p < 1.0f) apply_typical_p(logits, options.typical_p);
}

TokenId best(std::span<const float> logits) {
  return TokenId(std::find(logits.begin(), logits.end(), highest(logits)) - logits.begin());
}

TokenId pick(std::span<const float> logits, float uniform) {
  const float top = highest(logits);
  std::vector<float> weight(logits.size());
  double total = 0.0;
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] != kRemoved) total += double(weight[i] = std::exp(logits[i] - top));
  const double target = double(uniform) * total;
  double cumulative = 0.0;
  TokenId last = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (weight[i] == 0.0f) continue;
    last = TokenId(i);
    cumulative += double(weight[i]);
    if (cumulative > target) break;
  }
  return last;
}

TokenId sample(std::span<float> logits, const SamplingOptions& options, const SeenTokens& seen, float uniform) {
  apply_filters(logits, options, seen);
  return options.is_greedy() ? best(logits) : pick(logits, uniform);
}

}  // namespace limpid
