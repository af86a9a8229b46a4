#pragma once

#include <torch/types.h>

#include "limpid/methods/polar/options.h"

/// What a harmoniser's answers cost against several sources at once (POLAR, arXiv:2306.16564; docs/methods.md, Agreeing
/// with several sources). Two classes may be one logit: then logits are [N, 1], and class 1 has probability
/// sigmoid(logit). Votes are class numbers, int64; -1 abstains.
namespace limpid::polar {

using torch::Tensor;

inline constexpr int64_t kAbstains = -1;

/// Returns log p of each class, [N, C], C at least 2. @param logits  [N, C], or [N, 1] for two classes
Tensor class_log_probabilities(const Tensor& logits);

/// Returns the cross-entropy of each source's vote, [N, m], nats, 0 where it abstains. @param votes  [N, m]
Tensor source_losses(const Tensor& logits, const Tensor& votes);

/// Returns the losses of each example as one number, [N]; 0 where no source voted.
/// @param losses  [N, m] of source_losses    @param weights  [m]
Tensor scalarise(const Tensor& losses, const Tensor& weights, Scalariser scalariser);

/// Returns the mean over the examples with a vote, a scalar. @throws ConfigError when there is none.
Tensor harmony_loss(const Tensor& logits, const Tensor& votes, const Tensor& weights, Scalariser scalariser);

/// Returns the risk that an answer is wrong, zeta = 1 - h(x)[answer], of the shape of `answers`; 0 where none was
/// given.
/// @param answers  [N] or [N, m]
Tensor risk_scores(const Tensor& logits, const Tensor& answers);

}  // namespace limpid::polar
