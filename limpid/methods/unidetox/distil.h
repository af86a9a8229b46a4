#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/decoding/sampler.h"
#include "limpid/methods/unidetox/contrast.h"
#include "limpid/scorers/scorer.h"

/// UniDetox's distillation (arXiv:2504.20500; docs/methods.md, Contrastive decoding): texts to fine-tune any model on,
/// sampled from a base model held against a toxic one.
namespace limpid::unidetox {

/// Models and texts of a run. Without a toxic model the texts are plain samples of the base: UniDetox's control, and
/// the corpus of SGEAT (docs/methods.md, Plain samples), a model fine-tuned on the least toxic of its own texts. From
/// one fixed context the contrast collapses: four of five texts begin alike. So the first tokens come from the plain
/// base, or the texts from given contexts.
struct DistilPlan : DistilOptions {
  std::shared_ptr<const Model> base;
  Reading toxic;                      ///< a model, or the base with an adapter; without a model: plain samples
  std::vector<std::string> contexts;  ///< text i continues context i modulo their number; none: the beginning of a text
  TokenId begin = 0;                  ///< in front of every text (text_beginning)
  std::vector<TokenId> stop_tokens;
  std::shared_ptr<const Scorer> scorer;  ///< may be null
  Json provenance = Json::object();  ///< what the models are and their hashes: a run is continued with the same only

  int64_t opening_tokens() const { return opening.value_or(contexts.empty() ? 2 : 0); }
};

/// Counts and means of the finished file, and how varied it is.
struct DistilReport {
  size_t written = 0, rejected = 0, empty = 0;  ///< texts; empty ones ended before their first token
  size_t failed = 0;                            ///< texts that an error ended, or that could not be scored; left out
  uint64_t tokens = 0;
  std::optional<double> mean_score, mean_toxicity;  ///< over texts
  std::optional<double> bound;                      ///< lowest mean score, or highest toxicity, that was not rejected
  double distinct_openings = 0.0;                   ///< different first two tokens / texts
  std::array<double, 3> distinct{};                 ///< different n-grams / n-grams, over all texts
  Json json() const;
};

/// Writes three files.
/// - OUTPUT, a line for each text:
///   {"text", "ids", "context"?, "mean_score"?, "base_nll", "toxic_nll"?, "toxicity"?, "finish_reason"}.
///   `text` has its context in front; ids and the means (nats per token) are of the generated tokens, mean_score being
///   that of log p_base - log p_toxic.
/// - OUTPUT.settings.json: {"format": 1, "settings", "report"}.
/// - OUTPUT.journal: finished texts as they come, rejected ones too, with its own settings beside it (data/journal.h).
///
/// A run that was stopped goes on from its journal, and more texts can be asked for later: text i depends on the seed
/// and i alone, not on batch size, threads, or where a run was cut.
/// @throws ConfigError for settings out of range; MismatchError for other vocabularies or a journal begun with other
/// settings.
DistilReport distil(const DistilPlan& plan, Watch& watch = unwatched());

}  // namespace limpid::unidetox
