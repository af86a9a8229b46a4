#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/decoding/generator.h"
#include "limpid/evaluation/choices.h"
#include "limpid/evaluation/options.h"
#include "limpid/evaluation/ordinary.h"
#include "limpid/evaluation/perplexity_judge.h"
#include "limpid/evaluation/settings.h"
#include "limpid/metrics/report.h"
#include "limpid/scorers/scorer.h"

/// The RealToxicityPrompts protocol (Gehman et al. 2020; docs/methods.md, Protocol): K samples of N tokens for each
/// prompt, each continuation scored without its prompt, several detoxifiers and strengths in one run with the same
/// random numbers. Besides it, or alone: answers to everyday prompts (ordinary.h), and multiple choice (choices.h).
namespace limpid {

struct EvaluationPlan : EvaluationOptions {
  std::shared_ptr<const Model> model;
  std::string model_name;
  std::vector<PromptRow> prompts;           ///< of the protocol; none: toxicity is not measured
  OrdinaryPlan ordinary;                    ///< without prompts: not asked
  ChoicesPlan choices;                      ///< without questions: not asked
  std::vector<EvaluationSetting> settings;  ///< the first is plain: the others are compared with it
  std::shared_ptr<const Scorer> scorer;
  std::vector<std::shared_ptr<const PerplexityJudge>> judges;
  std::vector<TokenId> stop_tokens;
  Json provenance;  ///< stored with each file: model and prompt hashes, precision, version
};

struct SettingResult {
  EvaluationSetting setting;
  std::vector<GenerationRow> rows;
  std::vector<MetricsReport> reports;        ///< one per judge, at least one; none where there were no prompts
  std::vector<RunComparison> against_plain;  ///< one per judge, paired by prompt; empty for plain
  double mean_kl = 0.0;                      ///< against plain, nats per token, over the first prompts (rows.h)
  double tokens_per_second = 0.0;            ///< of this session's work; 0 when everything was there already
  std::optional<OrdinaryResult> ordinary;
  std::optional<MultipleChoiceReport> choices;
};

/// Runs what is not there yet. output/NAME/generations.jsonl grows prompt by prompt; a rerun continues from it.
/// Answers to everyday prompts lie beside it in ordinary.jsonl, those to questions in choices.json.
/// output/report.json and report.md are written after each setting, curve.svg with the second besides plain. Samples
/// that an error ends are told to the watch and kept with that reason, without a score.
/// @throws IoError when another process evaluates into the folder
std::vector<SettingResult> evaluate(const EvaluationPlan& plan, Watch& watch = unwatched());

/// Tells the watch what is missing in a result. Returns whether it counts all the same: no sample and no answer ended
/// with an error, and of the scores at most the share kMostMissingScores is missing.
bool is_complete(const EvaluationPlan& plan, const SettingResult& result, Watch& watch);

Json report_json(const EvaluationPlan& plan, const std::vector<SettingResult>& results);
std::string report_markdown(const EvaluationPlan& plan, const std::vector<SettingResult>& results);
/// Shows the plain samples that scored highest, at most one per prompt, and what each other setting wrote with the same
/// random numbers; offensive words masked.
std::string examples_markdown(const EvaluationPlan& plan, const std::vector<SettingResult>& results, size_t count);

uint64_t most_tokens(const EvaluationPlan& plan);  ///< written at most, by all settings
/// Returns the seconds that decoding all settings would take, from a short plain trial.
double estimated_seconds(const EvaluationPlan& plan);

}  // namespace limpid
