#include "limpid/methods/unidetox/contrast.h"

#include <algorithm>
#include <cmath>

#include "limpid/decoding/logits.h"
#include "limpid/models/vocabulary.h"

namespace limpid::unidetox {

void ContrastOptions::check() const {
  LIMPID_CHECK(alpha > 0.0 && alpha <= 1.0, ConfigError, "[contrast] alpha is ", alpha,
               ", expected above 0 and at most 1");
  LIMPID_CHECK(beta > 0.0, ConfigError, "[contrast] beta is ", beta, ", expected a number above 0, or inf");
  LIMPID_CHECK(temperature > 0.0 && std::isfinite(temperature), ConfigError, "[contrast] temperature is ", temperature,
               ", expected a number above 0");
  LIMPID_CHECK(top_k >= 0, ConfigError, "[contrast] top-k is ", top_k, ", expected 0 (off) or more");
}

namespace {

/// Scores the tokens that the mask has left.
void score_kept(std::span<float> z, std::span<const float> toxic, const ContrastOptions& options) {
  const float temperature = float(options.temperature);
  if (std::isinf(options.beta)) {
    for (size_t v = 0; v < z.size(); ++v)
      if (z[v] != kRemoved) z[v] -= toxic[v];
  } else {
    add_contrast(z, {}, toxic, float(options.beta));
  }
  for (float& value : z) value /= temperature;
  if (options.top_k > 0) apply_top_k(z, options.top_k);
}

}  // namespace

void contrast_logits(std::span<float> z, std::span<const float> toxic, const ContrastOptions& options) {
  mask_implausible(options.alpha, z);
  score_kept(z, toxic, options);
}

std::vector<double> contrast_logits_plain(std::span<const float> z, std::span<const float> toxic,
                                          const ContrastOptions& options) {
  const double least = double(*std::max_element(z.begin(), z.end())) + std::log(options.alpha);
  std::vector<double> scores(z.size(), -std::numeric_limits<double>::infinity());
  for (size_t v = 0; v < z.size(); ++v) {
    const double base = z[v], anti = toxic[v];
    if (base < least) continue;
    scores[v] = std::isinf(options.beta) ? base - anti : (1.0 + options.beta) * base - options.beta * anti;
    scores[v] /= options.temperature;
  }
  return scores;
}

ContrastSession::ContrastSession(const Model& base, Reading toxic, ContrastOptions options, size_t opening)
    : toxic_(std::move(toxic)),
      options_(options) {
  options_.check();
  check_same_vocabulary(base, *toxic_.model, "toxic model", "[contrast] ");
  toxic_.wanted = [opening](const Row& row) { return row.new_ids.size() >= opening; };
}

void ContrastSession::logits(const Step& step, Tensor& z) {
  const ReadTexts toxic = step.read(0);
  std::vector<TokenIds> kept(step.rows.size());
  parallel_rows(step, z, [&](size_t r, std::span<float> row) {
    if (!toxic.has(r)) return;
    mask_implausible(options_.alpha, row);
    kept[r] = kept_tokens(row);
  });
  Tensor scores = toxic.logits(kept);
  const auto toxic_rows = rows_of(scores);
  parallel_rows(step, z, [&](size_t r, std::span<float> row) {
    if (toxic.has(r)) score_kept(row, toxic_rows[r], options_);
  });
}

}  // namespace limpid::unidetox
