#pragma once

#include <memory>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/data/pairs.h"
#include "limpid/decoding/generator.h"
#include "limpid/methods/destein/framing.h"
#include "limpid/scorers/scorer.h"

/// Steering pairs from the model itself (DeStein; docs/methods.md, Steering pairs): its own toxic continuations, each
/// with a neutral rewrite.
namespace limpid::destein {

struct SelfInducedPlan : SelfInducedOptions {
  std::shared_ptr<const Model> model, rewriter;  ///< the rewriter needs a chat template; it may be the model itself
  std::shared_ptr<const Scorer> scorer;
  std::vector<std::string> prompts;
  std::vector<TokenId> stop_tokens, rewriter_stop_tokens;
};

/// Pairs, and counts of the texts that they were made from.
struct SelfInducedPairs {
  std::vector<SteeringPair> pairs;  ///< the most toxic first
  size_t continuations = 0, toxic = 0,
         rewritten = 0;  ///< written; above the scorer's threshold; of those, put to the rewriter
};

/// Lets the model continue every prompt; continuations above the scorer's threshold, the most toxic first and at most
/// two of a prompt, are put to the rewriter until `pairs` rewrites are below half the threshold. The prefix of such a
/// pair stands for its prompt.
/// @throws ConfigError when nothing usable came of it, saying how far it got.
SelfInducedPairs self_induced_pairs(const SelfInducedPlan& plan, Watch& watch = unwatched());

}  // namespace limpid::destein
