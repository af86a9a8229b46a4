#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/data/generations.h"
#include "limpid/decoding/row.h"
#include "limpid/evaluation/perplexity_judge.h"
#include "limpid/evaluation/settings.h"

/// How an evaluation writes: every setting answers the same prompts, into a journal that a rerun continues from.
namespace limpid {

/// What every setting is asked.
struct RowsPlan {
  std::shared_ptr<const Model> model;
  size_t prompts = 0;
  const char* unit = "prompts";  ///< of progress
  int64_t samples = 1;
  int64_t rows = 25;                              ///< decoded together; changes no text
  std::function<Request(size_t prompt)> request;  ///< without prompt, sample and strengths
  /// Makes a row of the journal of a prompt's samples, in their order: its scores and judgements too.
  std::function<GenerationRow(size_t prompt, const std::vector<Completion>& samples)> finish;
};

/// Checks that every prompt and its new tokens fit the model's context, so that none fails after an hour.
/// @param prompts  those that `plan` asks, which know where they stand    @throws ConfigError "FILE:LINE: …".
void check_rows(const RowsPlan& plan, const std::vector<PromptRow>& prompts);

struct WrittenRows {
  std::vector<GenerationRow> rows;  ///< in the order of the prompts
  /// Against plain, nats per token, over the first prompts, about 1,000 tokens; 0 for plain, NaN when not measured.
  double mean_kl = 0.0;
  double tokens_per_second = 0.0;  ///< behind those, where the KL costs nothing; 0 when unknown
};

/// Puts the samples of a prompt into a row. One that an error ended keeps what was written before, with that reason.
GenerationRow row_of(size_t index, const std::string& prompt, const std::vector<Completion>& samples);

/// Adds what each judge says of a row's texts: their field "judged", {"NAME": …}.
/// @param context  what stands in front of the texts
void judge_row(const std::vector<std::shared_ptr<const PerplexityJudge>>& judges, GenerationRow& row,
               const std::string& context);

/// Where the work of a setting lies.
struct RowsFiles {
  fs::path journal;  ///< jsonl
  fs::path speed;    ///< of decoding, for a later run that finds the journal finished
};

/// Writes what the journal does not have yet. A row of the first prompts also tells how far it is from plain, field
/// "kl": {"sum", "tokens"}: a run that was interrupted measures what one measures that was not.
/// @param settings  everything that changes a row
WrittenRows write_rows(const RowsPlan& plan, const EvaluationSetting& setting, const RowsFiles& files,
                       const Json& settings, Watch& watch);

}  // namespace limpid
