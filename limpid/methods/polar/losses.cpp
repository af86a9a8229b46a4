#include "limpid/methods/polar/losses.h"

#include <torch/torch.h>

#include "limpid/core/error.h"

namespace limpid::polar {
namespace {

/// Returns log p of what was voted for, [N, m]; 0 where nothing was.
Tensor log_probabilities_of(const Tensor& logits, const Tensor& votes) {
  const Tensor all = class_log_probabilities(logits);
  LIMPID_CHECK(votes.dim() == 2 && votes.size(0) == all.size(0), ShapeError, "[polar] votes are ", votes.sizes(),
               " for logits ", logits.sizes(), ", expected a row for each example");
  LIMPID_CHECK(
      votes.numel() == 0 || (votes.min().item<int64_t>() >= kAbstains && votes.max().item<int64_t>() < all.size(1)),
      ConfigError, "[polar] votes from ", votes.min().item<int64_t>(), " to ", votes.max().item<int64_t>(),
      ", expected classes below ", all.size(1), " and ", kAbstains, " for none");
  return all.gather(1, votes.clamp_min(0)).masked_fill(votes == kAbstains, 0.0);
}

}  // namespace

Tensor class_log_probabilities(const Tensor& logits) {
  LIMPID_CHECK(logits.dim() == 2, ShapeError, "[polar] logits are ", logits.sizes(), ", expected [examples, classes]");
  if (logits.size(1) > 1) return logits.log_softmax(1);
  return torch::cat({torch::log_sigmoid(-logits), torch::log_sigmoid(logits)}, 1);
}

Tensor source_losses(const Tensor& logits, const Tensor& votes) { return -log_probabilities_of(logits, votes); }

Tensor scalarise(const Tensor& losses, const Tensor& weights, Scalariser scalariser) {
  LIMPID_CHECK(weights.dim() == 1 && weights.size(0) == losses.size(1), ShapeError, "[polar] ", weights.sizes(),
               " weights for losses ", losses.sizes());
  const Tensor weighted = losses * weights;
  switch (scalariser) {
    case Scalariser::Linear: return weighted.sum(1);
    case Scalariser::Quadratic: return weighted.sum(1).square();
    case Scalariser::Euclidean: return weighted.norm(2, 1);  // its gradient at 0 is 0, a square root's is not
    case Scalariser::Chebyshev: return weighted.amax(1);
  }
  return {};
}

Tensor harmony_loss(const Tensor& logits, const Tensor& votes, const Tensor& weights, Scalariser scalariser) {
  const Tensor voted = (votes != kAbstains).any(1);
  LIMPID_CHECK(voted.any().item<bool>(), ConfigError, "[polar] no source voted on any example");
  return scalarise(source_losses(logits, votes), weights, scalariser).index({voted}).mean();
}

Tensor risk_scores(const Tensor& logits, const Tensor& answers) {
  const Tensor columns = answers.dim() == 1 ? answers.unsqueeze(1) : answers;
  const Tensor risks = 1.0 - log_probabilities_of(logits, columns).exp();
  return answers.dim() == 1 ? risks.squeeze(1) : risks;
}

}  // namespace limpid::polar
