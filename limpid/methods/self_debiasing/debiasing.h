#pragma once

#include <span>

#include "limpid/decoding/session.h"
#include "limpid/methods/prefixed_streams.h"

/// Self-debiasing (Schick et al. 2021, arXiv:2103.00453; methods.md 5.5): tokens that become likelier once the text is
/// announced as toxic are made less likely.
namespace limpid {

/// With p the row's probabilities, p_k those behind description k, and Delta = relu(max_k p_k - p):
///   log p'[v] = log p[v] - min(lambda Delta[v], -log epsilon) + constant
/// @param z       [V] logits, nats, changed in place; not renormalised
/// @param biased  [K * V] logits behind the descriptions
void debias_logits(std::span<float> z, std::span<const float> biased, float lambda, double epsilon);

/// One stream of the target for each description reads along, all of all rows together. Strength is lambda.
class DebiasingSession final : public Session {
 public:
  /// @param descriptions  as ids, at least one
  /// @param epsilon       in (0, 1]: no token loses more than this factor
  DebiasingSession(const Model& target, std::vector<TokenIds> descriptions, double epsilon);

  void admit(const Row& row) override { streams_.admit(row.id); }
  void fork(const Row& from, const Row& to) override { streams_.fork(from.id, to.id); }
  void release(RowId row) override { streams_.release(row); }
  void streams(const Step& step, std::vector<Streams>& all) override { streams_.streams(step, all); }
  void logits(const Step& step, Tensor& z) override;

 private:
  const Model& target_;
  PrefixedStreams streams_;
  double epsilon_;
};

}  // namespace limpid
