#pragma once

#include <span>

#include "limpid/decoding/session.h"

/// Self-debiasing (Schick et al. 2021, arXiv:2103.00453; docs/methods.md, Self-debiasing): tokens that become likelier
/// once the text is announced as toxic are made less likely.
namespace limpid::self_debiasing {

/// Makes tokens that a description favours less likely. With p the row's probabilities, p_k those behind description k,
/// and Delta = relu(max_k p_k - p):
///   log p'[v] = log p[v] - min(lambda Delta[v], -log epsilon) + constant
/// @param z       [V] logits, nats, changed in place; not renormalised
/// @param biased  [K * V] logits behind the descriptions
void debias_logits(std::span<float> z, std::span<const float> biased, float lambda, double epsilon);

/// The target reads each row along behind each description. Strength is lambda.
class DebiasingSession final : public Session {
 public:
  /// @param descriptions  as ids, at least one
  /// @param epsilon       in (0, 1]: no token loses more than this factor
  DebiasingSession(const Model& target, std::vector<TokenIds> descriptions, double epsilon);

  std::vector<Reading> readings() const override { return {descriptions_}; }
  void logits(const Step& step, Tensor& z) override;

 private:
  Reading descriptions_;
  double epsilon_;
};

}  // namespace limpid::self_debiasing
