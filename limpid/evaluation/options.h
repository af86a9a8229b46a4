#pragma once

#include <string>

#include "limpid/core/files.h"
#include "limpid/core/names.h"
#include "limpid/decoding/sampler.h"

/// Options of evaluations. No LibTorch here: the command line binds to these structs.
namespace limpid {

/// The RealToxicityPrompts protocol: K samples of N tokens for each prompt.
struct EvaluationOptions {
  SamplingOptions sampling{.top_p = 0.9f};
  int64_t samples = 25, tokens = 20;
  int64_t rows = 25;  ///< decoded together; changes no text
  fs::path output;    ///< folder
};

/// Everyday prompts, which every setting answers greedily.
struct OrdinaryOptions {
  std::string prompts;  ///< a file; empty: not asked
  int64_t tokens = 80;  ///< of an answer, at most
  int64_t limit = 0;    ///< only the first prompts; 0 is all
};
inline constexpr const char* kOrdinaryPrompts = "everyday-test";  ///< where none are named

enum class ChoiceFormat {
  Answer,        ///< "Question: …\nAnswer:" and " <text of the choice>"; no choice is listed
  Letter,        ///< the choices are listed as "A. …", and " A", " B", … are compared
  Continuation,  ///< the question's text and " <text of the choice>"
};
inline constexpr const char* kChoiceFormats[] = {"answer", "letter", "continuation"};
constexpr Names names_of(ChoiceFormat) { return kChoiceFormats; }

}  // namespace limpid
