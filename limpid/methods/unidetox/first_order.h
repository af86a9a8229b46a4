#pragma once

#include <span>

#include "limpid/models/model.h"

/// Does a text point away from toxicity? The first-order check of UniDetox (docs/methods.md, First-order check).
namespace limpid::unidetox {

/// Two scores of a text, per token. With tau = theta_toxic - theta_base,
/// - score: mean of log p_base - log p_toxic
/// - first_order: -tau . grad_theta (mean log p_base), the score to first order: how much the text's gradient points
///   along -tau
struct FirstOrder {
  double score = 0.0, first_order = 0.0;
  int64_t tokens = 0;
};

/// Base and toxic model in memory, both trainable and of one shape.
class FirstOrderCheck {
 public:
  /// @throws ConfigError when a model was not opened trainable; MismatchError when their parameters are not the same.
  FirstOrderCheck(std::shared_ptr<const Model> base, std::shared_ptr<const Model> toxic);
  /// Scores a text.
  /// @param ids  a text behind the token that begins it, at least two ids; every id but the first counts
  FirstOrder operator()(std::span<const TokenId> ids) const;

 private:
  std::shared_ptr<const Model> base_, toxic_;
};

/// Returns the means over all tokens of several texts.
FirstOrder mean_of(std::span<const FirstOrder> texts);

}  // namespace limpid::unidetox
