#pragma once

#include <span>

#include "limpid/decoding/session.h"
#include "limpid/methods/toxification_reversal/options.h"

/// Toxification reversal (docs/methods.md, Toxification reversal; arXiv:2310.09573): what a toxic description does to
/// the heads is measured, and its opposite is done to them.
namespace limpid::toxification_reversal {

/// Undoes what the description does to the heads. For each of H heads of K numbers, with delta = s (v_neg - v_pos):
///   v <- v - (1 + |delta|)^norm (1 + relu(cos(v_negend, v)))^similarity delta
/// and then all heads together are brought back to their length before. s = 1 is the paper's.
/// @param v         [H * K], changed in place
/// @param v_pos     at the last token of the text; v_neg: of the toxic description and the text; v_negend: of the
/// description
/// @param strength  s
void reverse_heads(std::span<float> v, std::span<const float> v_pos, std::span<const float> v_neg,
                   std::span<const float> v_negend, size_t heads, float strength,
                   const ReversalExponents& exponents = {});

/// The target reads along, unchanged, the text and the description with the text; the row itself is
/// changed at the last position of every step, in every layer. Prompt positions before it stay as they are. Costs two
/// more tokens for each token.
class ReversalSession final : public Session {
 public:
  /// @param description  the toxic one, as ids
  ReversalSession(const Model& target, TokenIds description, const ReversalExponents& exponents);

  std::vector<Reading> readings() const override { return {texts_}; }
  bool listens(Site site, int64_t) const override { return site == Site::HeadOutputs; }
  void activations(Site site, int64_t layer, const Step& step, Tensor& x) override;

 private:
  Reading texts_;  // the row's, and behind the description
  size_t heads_;
  ReversalExponents exponents_;
};

}  // namespace limpid::toxification_reversal
