#pragma once

#include <span>
#include <string>

#include "limpid/decoding/session.h"
#include "limpid/methods/sasa/options.h"
#include "limpid/methods/sasa/subspace.h"

/// Self-disciplined autoregressive sampling (Ko et al. 2025, arXiv:2410.03818; docs/methods.md, SASA): the target reads
/// on with each of its likeliest next tokens, and those that lead to the non-toxic side of its own state space become
/// likelier.
namespace limpid {

/// Adds beta margin, or beta softmax(margins), to the logits of the candidates.
void add_margins(std::span<float> z, std::span<const TokenId> candidates, std::span<const float> margins, float beta,
                 SasaRule rule);

struct SasaParts {
  Subspace subspace;
  SasaRule rule = SasaRule::Paper;
  int64_t candidates = 40;  ///< at most so many for each row
};

/// Candidates of a row: the likeliest tokens among those that its own sampling filters keep (all, when it decodes
/// greedily). Each costs one forward of the target, which shares the cache of the text before it; all of all rows are
/// read together, as far as memory allows. Other sessions do not act on those forwards. Strength is beta; it acts
/// before the temperature.
class SasaSession final : public Session {
 public:
  /// @throws ShapeError when the subspace does not fit the target; ConfigError for no candidates.
  SasaSession(const Model& target, SasaParts parts);

  std::vector<Reading> readings() const override { return {text_}; }
  void logits(const Step& step, Tensor& z) override;

 private:
  Tensor candidate_margins(const Step& step, const std::vector<TokenIds>& candidates);

  SasaParts parts_;
  Reading text_;  // the target on each row's text, which candidates read on from
};

}  // namespace limpid
