#pragma once

#include <string>

#include "limpid/decoding/session.h"
#include "limpid/methods/dexperts/options.h"

/// DExperts and proxy tuning (Liu et al. 2021, arXiv:2105.03023; 2024, arXiv:2401.08565; docs/methods.md, DExperts),
/// and contrastive decoding (Li et al. 2023, arXiv:2210.15097) as the same sum behind another mask.
namespace limpid::dexperts {

/// Adds a contrast of experts behind the mask. For logits z of the target, e of the expert and a of the anti-expert:
///   z'[v] = z[v] + s (e[v] - a[v])     where the mask keeps v; without an expert z stands in for e
///   z'[v] = -inf                       elsewhere
/// @param z       [V] float32, nats, changed in place; what is minus infinity already stays so
/// @param expert  [V], or empty
/// @param anti    [V]
void combine_experts(std::span<float> z, std::span<const float> expert, std::span<const float> anti, float s,
                     const TokenMask& mask);

/// The models and the mask of a session.
struct ExpertParts {
  Reading anti, expert;  ///< the expert may be none
  TokenMask mask;
};

/// Experts read along. Strength is s (alpha of DExperts).
class ExpertsSession final : public Session {
 public:
  /// @throws MismatchError for other vocabularies than the target's.
  ExpertsSession(const Model& target, ExpertParts parts);

  std::vector<Reading> readings() const override;
  void logits(const Step& step, Tensor& z) override;

 private:
  ExpertParts parts_;
};

}  // namespace limpid::dexperts
