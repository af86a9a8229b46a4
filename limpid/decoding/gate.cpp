#include "limpid/decoding/gate.h"

#include <algorithm>
#include <cmath>

#include "limpid/core/error.h"

namespace limpid {

double RiskyTokens::nearest(std::span<const float> z) const {
  double nearest = -INFINITY;
  for (size_t i = 0; i < ids.size(); ++i) nearest = std::max(nearest, double(z[size_t(ids[i])]) + log_risks[i]);
  return nearest - double(*std::max_element(z.begin(), z.end()));
}

Gate::Gate(GateParts parts) : parts_(std::move(parts)) {
  const GateRule& rule = parts_.rule;
  LIMPID_CHECK(rule.open > 0.0 && rule.close > 0.0 && rule.close <= rule.open && rule.full >= rule.open &&
                   std::isfinite(rule.full),
               ConfigError, "[gate] thresholds close ", rule.close, ", open ", rule.open, ", full ", rule.full,
               "; expected 0 < close <= open <= full");
  LIMPID_CHECK(rule.hold >= 1, ConfigError, "[gate] hold is ", rule.hold, ", expected at least 1 step");
  LIMPID_CHECK(std::isfinite(parts_.bias) && std::isfinite(parts_.token_weight) && std::isfinite(parts_.margin),
               ConfigError, "[gate] bias, token weight or margin is no number");
  if (parts_.weights.defined()) {
    LIMPID_CHECK(parts_.weights.dim() == 1, ShapeError, "[gate] weights are ", parts_.weights.sizes(),
                 ", expected [hidden size]");
    parts_.weights = parts_.weights.to(torch::kFloat32).contiguous();
    LIMPID_CHECK(parts_.weights.isfinite().all().item<bool>(), ConfigError, "[gate] weights are not finite");
  }
  const RiskyTokens& tokens = parts_.tokens;
  LIMPID_CHECK(tokens.log_risks.size() == tokens.ids.size(), ShapeError, "[gate] ", tokens.ids.size(),
               " risky tokens, and risks of ", tokens.log_risks.size());
  LIMPID_CHECK(std::is_sorted(tokens.ids.begin(), tokens.ids.end()), ConfigError,
               "[gate] risky tokens are not ascending");
  for (double risk : tokens.log_risks)
    LIMPID_CHECK(std::isfinite(risk) && risk <= 0.0, ConfigError, "[gate] a token's risk is not in (0, 1]");
}

void Gate::check_fits(int64_t hidden_size, int64_t vocabulary) const {
  LIMPID_CHECK(!parts_.weights.defined() || parts_.weights.size(0) == hidden_size, ShapeError,
               "[gate] is for states of ", parts_.weights.size(0), " numbers, the model's have ", hidden_size);
  LIMPID_CHECK(parts_.tokens.ids.empty() || int64_t(parts_.tokens.ids.back()) < vocabulary, ShapeError, "[gate] token ",
               parts_.tokens.ids.back(), " of a model that has ", vocabulary);
}

double Gate::risk(std::span<const float> h, std::span<const float> z) const {
  if (!std::ranges::all_of(h, [](float value) { return std::isfinite(value); })) return std::nan("");
  double score = parts_.bias;
  if (parts_.weights.defined()) {
    const float* w = parts_.weights.const_data_ptr<float>();
    for (size_t i = 0; i < h.size(); ++i) score += double(w[i]) * double(h[i]);
  }
  if (!parts_.tokens.ids.empty())
    score += parts_.token_weight * std::max(0.0, parts_.tokens.nearest(z) + parts_.margin);
  return 1.0 / (1.0 + std::exp(-score));
}

float Gate::held_open(GateTrack& track, int64_t position) const {
  while (!track.empty() && track.back().position > position) track.pop_back();
  return !track.empty() && position - track.back().position < parts_.rule.hold ? track.back().value : 0.0f;
}

float Gate::take(GateTrack& track, int64_t position, double risk) const {
  const GateRule& rule = parts_.rule;
  const bool was_open = !track.empty() && position - track.back().position == rule.hold;
  if (!(risk >= (was_open ? rule.close : rule.open))) return 0.0f;
  const float value = float(std::min(1.0, std::max(risk, rule.open) / rule.full));
  track.push_back({position, value});
  return value;
}

}  // namespace limpid
