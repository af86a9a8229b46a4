#include "limpid/methods/unidetox/contrast.h"

#include <algorithm>
#include <cmath>

#include "limpid/kernels/thread_pool.h"
#include "limpid/methods/controls.h"

namespace limpid {

void ContrastOptions::check() const {
  LIMPID_CHECK(alpha > 0.0 && alpha <= 1.0, ConfigError, "[contrast] alpha is ", alpha,
               ", expected above 0 and at most 1");
  LIMPID_CHECK(beta > 0.0, ConfigError, "[contrast] beta is ", beta, ", expected a number above 0, or inf");
  LIMPID_CHECK(temperature > 0.0 && std::isfinite(temperature), ConfigError, "[contrast] temperature is ", temperature,
               ", expected a number above 0");
  LIMPID_CHECK(top_k >= 0, ConfigError, "[contrast] top-k is ", top_k, ", expected 0 (off) or more");
}

namespace {

/// Behind the mask.
void score_kept(std::span<float> z, std::span<const float> toxic, const ContrastOptions& options) {
  const bool infinite = std::isinf(options.beta);
  const float beta = float(options.beta), temperature = float(options.temperature);
  for (size_t v = 0; v < z.size(); ++v) {
    if (std::isinf(z[v])) continue;  // masked, here or before
    const float difference = z[v] - toxic[v];
    z[v] = (infinite ? difference : z[v] + beta * difference) / temperature;
  }
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

ContrastSession::ContrastSession(const Model& base, Reader toxic, ContrastOptions options, size_t opening)
    : base_(base),
      toxic_(std::move(toxic)),
      options_(options),
      opening_(opening) {
  options_.check();
  check_same_vocabulary(base, toxic_.model(), "toxic model", "[contrast] ");
}

std::vector<size_t> ContrastSession::behind_the_opening(const Step& step) const {
  std::vector<size_t> places;
  for (size_t r = 0; r < step.rows.size(); ++r)
    if (step.rows[r]->new_ids.size() >= opening_) places.push_back(r);
  return places;
}

void ContrastSession::streams(const Step& step, std::vector<Streams>& all) {
  std::vector<const Row*> rows;
  for (size_t place : behind_the_opening(step)) rows.push_back(step.rows[place]);
  toxic_.streams(base_, rows, all);
}

void ContrastSession::logits(const Step& step, Tensor& z) {
  const std::vector<size_t> places = behind_the_opening(step);
  if (places.empty()) return;
  z = z.contiguous();
  const size_t V = size_t(z.size(1));
  const auto own = [&](size_t i) { return std::span(z.mutable_data_ptr<float>() + places[i] * V, V); };
  std::vector<const Row*> rows;
  for (size_t place : places) rows.push_back(step.rows[place]);
  std::vector<TokenIds> kept(places.size());
  kernels::parallel_for(places.size(), [&](size_t i) {
    mask_implausible(options_.alpha, own(i));
    kept[i] = kept_tokens(own(i));
  });
  const Tensor toxic = toxic_.of(rows, kept);
  kernels::parallel_for(places.size(),
                        [&](size_t i) { score_kept(own(i), {toxic.const_data_ptr<float>() + i * V, V}, options_); });
}

}  // namespace limpid
