#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/methods/gate/file.h"
#include "limpid/methods/gate/options.h"
#include "limpid/scorers/scorer.h"

/// `limpid fit gate`: from a model's own texts and a scorer to a gate (docs/methods.md, The gate). The model continues
/// web prompts, toxic and ordinary, and answers everyday prompts. A logistic regression tells the states of what toxic
/// prompts led to, and of what the scorer calls toxic, from those of everyday answers, or is made to agree with several
/// sources of labels (probes.h); a gate that looks ahead minds the tokens that the scorer calls toxic by themselves.
/// The threshold is the lowest at which the gate stays closed on `closed` of the everyday answers.
namespace limpid::gate {

struct GateTexts {
  std::vector<std::string> toxic, ordinary;  ///< web prompts
  std::vector<std::string> everyday;         ///< put to the model as a user's turns where it has a chat template
};

/// The first says what is toxic; further ones are sources of Calibrate::Polar.
using Scorers = std::vector<std::reference_wrapper<const Scorer>>;

/// @throws ConfigError when the model has no tokenizer or too little came of the prompts, saying what; for several
/// scorers where only one is heard.
FittedGate fit_gate(const std::shared_ptr<const Model>& model, const Scorers& scorers, const GateTexts& texts,
                    const GateOptions& options, Watch& watch = unwatched());

/// Returns the tokens of a vocabulary that score above `least` by themselves. Only those that begin a word, a space and
/// three letters at least, are looked at: what a piece of a word is worth depends on the rest.
RiskyTokens risky_tokens(const Tokenizer& tokenizer, const Scorer& scorer, double least, Watch& watch);

}  // namespace limpid::gate
