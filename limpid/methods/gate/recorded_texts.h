#pragma once

#include <memory>
#include <string>
#include <vector>

#include "limpid/methods/gate/fit.h"
#include "limpid/methods/gate/step_recorder.h"

namespace limpid::gate {

inline constexpr uint64_t kFolds = 4;

/// Where a text of the fit comes from.
enum class TextKind { Toxic, Ordinary, Everyday };
inline constexpr const char* kTextKinds[] = {"toxic", "ordinary", "everyday"};
constexpr Names names_of(TextKind) { return kTextKinds; }

/// A text that the plain model wrote, with its steps.
struct RecordedText {
  TextKind kind;
  int64_t fold;  ///< its prompt's number: probes that judge a fold have not seen it
  std::string text;
  bool is_toxic = false;       ///< by the first scorer
  std::vector<int64_t> votes;  ///< of each source (source_names): 1 toxic, 0 not, polar::kAbstains
  std::vector<RecordedStep> steps;
};

/// Returns who votes on a text: the kind of its prompt (toxic 1, everyday 0, ordinary may be either and abstains), each
/// scorer, and the list of offensive words (1 where one is in the text, else nothing is known and it abstains).
std::vector<std::string> source_names(const Scorers& scorers);

/// Lets the model continue the web prompts (sampled, top-p 0.9; every third toxic one as a user's turn where the model
/// has a chat template) and answer the everyday prompts (greedy; every third also as plain text), keeps the steps and
/// lets the sources vote on the texts. In the order of prompts and samples.
std::vector<RecordedText> record_texts(const std::shared_ptr<const Model>& model, const Scorers& scorers,
                                       const GateTexts& texts, const RiskyTokens& tokens, const GateOptions& options,
                                       Watch& watch);

}  // namespace limpid::gate
