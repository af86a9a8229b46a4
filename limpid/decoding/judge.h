#pragma once

#include <span>
#include <vector>

#include "limpid/core/error.h"
#include "limpid/models/model.h"

/// Negative log-likelihoods of given tokens: perplexity and judges.
namespace limpid {

/// A likelihood is not a finite number: the model's logits are infinite or not numbers.
struct LikelihoodError : Error {
  using Error::Error;
};

/// -log p(ids[i] | ids[< i]), nats, and the best token, at each position but the first.
struct TokenLikelihoods {
  std::vector<double> nll;    ///< [ids.size() - 1]
  std::vector<TokenId> best;  ///< [ids.size() - 1]
};

/// Returns the likelihoods of a text, none for fewer than two ids. @throws ShapeError for ids outside the vocabulary;
/// LikelihoodError.
TokenLikelihoods likelihoods(const Model& model, std::span<const TokenId> ids);

/// Judges continuations of one prompt, which is read once; its cache is reused.
/// @param hook  sees and edits the activations; may be null
/// @return for each continuation the nll of each of its tokens. An empty one gives an empty list.
/// @throws ConfigError for an empty prompt: the first continuation token would have no context; LikelihoodError.
std::vector<std::vector<double>> continuation_likelihoods(const Model& model, std::span<const TokenId> prompt,
                                                          std::span<const TokenIds> continuations,
                                                          ActivationHook* hook = nullptr);

}  // namespace limpid
