#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/data/generations.h"
#include "limpid/metrics/perplexity.h"
#include "limpid/models/model.h"

/// A model that reads continuations and says how likely they were.
namespace limpid {

class PerplexityJudge {
 public:
  /// @throws ConfigError when the model has no tokenizer.
  PerplexityJudge(std::shared_ptr<const Model> model, std::string name);

  /// Judges continuations of a prompt. It is read once and its cache reused; all continuations behind it are read in
  /// one pass. Where a continuation shares no token with the prompt, each text is read alone.
  /// @param prompt  place of the prompt in its file
  /// @throws LikelihoodError (decoding/judge.h), naming the prompt.
  std::vector<JudgedContinuation> judge(size_t prompt, const std::string& prompt_text,
                                        std::span<const std::string> continuations) const;
  const std::string& name() const { return name_; }

 private:
  std::shared_ptr<const Model> model_;
  std::string name_;
};

/// Judges all continuations of a generations file.
std::vector<JudgedContinuation> judge_rows(const PerplexityJudge& judge, const std::vector<GenerationRow>& rows,
                                           Watch& watch = unwatched());

}  // namespace limpid
