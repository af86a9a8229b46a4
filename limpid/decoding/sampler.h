#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "limpid/core/types.h"

/// Sampling from logits, filter by filter as Hugging Face's logits processors do it. Nothing is on that was not asked
/// for.
namespace limpid {

struct SamplingOptions {
  bool greedy = false;  ///< take the best token; temperature 0 means the same
  float temperature = 1.0f;
  int64_t top_k = 0;                ///< 0: off
  float top_p = 1.0f;               ///< 1: off
  float min_p = 0.0f;               ///< 0: off
  float typical_p = 1.0f;           ///< 1: off
  float repetition_penalty = 1.0f;  ///< 1: off; over prompt and new tokens
  float presence_penalty = 0.0f;    ///< 0: off; over new tokens
  float frequency_penalty = 0.0f;   ///< 0: off; over new tokens
  std::vector<std::pair<TokenId, float>> logit_bias;
  uint64_t seed = 0;

  bool is_greedy() const { return greedy || temperature == 0.0f; }
  /// @throws ConfigError naming the option, the value and its range.
  void check() const;
};

/// The logit of a token that cannot be drawn.
inline constexpr float kRemoved = -std::numeric_limits<float>::infinity();

/// Filters in place on logits [V], nats; removed tokens become minus infinity, and at least one token stays, however
/// large or small the numbers are. For a row that no token can be drawn from (fault_of in logits.h) they, pick, best
/// and sample throw Error; the penalty and the temperature, which look at one logit after the other, leave that to the
/// next. Sources: Holtzman et al. 2020 (top-p), Meister et al. 2023 (typical), Nguyen et al. 2024 (min-p), Keskar et
/// al. 2019 (repetition penalty); at a mass exactly equal to p the rule of transformers holds.
void apply_repetition_penalty(std::span<float> logits, std::span<const TokenId> seen, float penalty);
void apply_temperature(std::span<float> logits, float temperature);  ///< above 0
void apply_top_k(std::span<float> logits, int64_t k);                ///< at least 1
void apply_top_p(std::span<float> logits, float p);
void apply_min_p(std::span<float> logits, float p);
void apply_typical_p(std::span<float> logits, float p);

/// Applies all filters of `options` in the order of transformers: penalty, temperature, top-k, top-p, min-p, typical.
void apply_filters(std::span<float> logits, const SamplingOptions& options, std::span<const TokenId> seen);

/// Returns the first token, in id order, whose cumulative softmax exceeds `uniform` in [0, 1).
TokenId pick(std::span<const float> logits, float uniform);
TokenId best(std::span<const float> logits);  ///< argmax, lowest id among equals

/// Filters `logits` in place, then picks a token, the best one when greedy. A pure function of its arguments.
TokenId sample(std::span<float> logits, const SamplingOptions& options, std::span<const TokenId> seen, float uniform);

}  // namespace limpid
