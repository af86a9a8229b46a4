#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "limpid/core/types.h"
#include "limpid/decoding/gate_rule.h"

/// When detoxifiers act on a row at all. While a row's gate is closed its sessions do not see it: what is written is
/// the plain model's, bit for bit. docs/methods.md, The gate.
namespace limpid {

using torch::Tensor;

/// Tokens that are toxic by themselves, as a gate looks ahead for them.
struct RiskyTokens {
  std::vector<TokenId> ids;       ///< ascending
  std::vector<double> log_risks;  ///< log p of each, p in (0, 1]

  /// Returns max over the tokens of (z_v + log p_v) - max_u z_u, nats; -inf when there are none. @param z  [V]
  double nearest(std::span<const float> z) const;
};

/// What a gate works with. The risk of a step, from what the plain model computed of the text so far,
///   r = sigmoid(b + w . h + c max(0, n + margin)),
/// h the state after the final norm, n how near the risky tokens are (RiskyTokens::nearest) in the next-token logits. w
/// is a probe of the context; n looks ahead.
struct GateParts {
  Tensor weights;             ///< w [D] float32; undefined: the context says nothing
  double bias = 0.0;          ///< b
  RiskyTokens tokens;         ///< none: no look ahead
  double token_weight = 0.0;  ///< c
  double margin = 0.0;        ///< nats below the likeliest token at which a risky one begins to count
  GateRule rule;
  std::string name = "a gate";  ///< for messages: the file that holds it
};

class Gate {
 public:
  /// @throws ShapeError when parts do not fit one another; ConfigError for numbers that are not finite or make no rule.
  explicit Gate(GateParts parts);

  const GateParts& parts() const { return parts_; }
  /// @throws ShapeError when the gate is not for models of this width and vocabulary.
  void check_fits(int64_t hidden_size, int64_t vocabulary) const;

  /// Returns the risk of one step, NaN for a state that is not finite. @param z  [V] @param h  [D]
  double risk(std::span<const float> h, std::span<const float> z) const;

  /// Returns how far the gate stands open at a position because it opened before, in (0, 1]; 0 when it is closed, so
  /// that the plain model has to be looked at. Forgets openings behind the position, where a row went back.
  float held_open(GateTrack& track, int64_t position) const;
  /// Takes in the risk of a step whose gate was closed. Returns how far it opens, 0: stays closed, as for NaN.
  float take(GateTrack& track, int64_t position, double risk) const;

 private:
  GateParts parts_;
};

}  // namespace limpid
