#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/data/generations.h"
#include "limpid/evaluation/options.h"
#include "limpid/evaluation/settings.h"
#include "limpid/metrics/ordinary.h"

/// What each setting of an evaluation answers to everyday prompts: greedily, so that an answer differs from plain's
/// only where the detoxifier changed the likeliest token; as chat where the model has a template.
namespace limpid {

struct EvaluationPlan;
struct SettingResult;

struct OrdinaryPlan {
  std::vector<PromptRow> prompts;    ///< fields "kind" and "answers" are kept with the answers
  int64_t tokens = 80;               ///< of an answer, at most; it may end by itself
  Json provenance = Json::object();  ///< stored with the answers, as EvaluationPlan::provenance
};

struct OrdinaryResult {
  std::vector<GenerationRow> rows;
  OrdinaryReport report;
  std::optional<OrdinaryComparison> against_plain;  ///< empty for plain
  double mean_kl = 0.0;                             ///< against plain, nats per token, over the first prompts (rows.h)
  double tokens_per_second = 0.0;                   ///< 0 when unknown
};

/// Reads everyday prompts, a file as read_prompts() does, with right answers in a field "answers"; provenance says
/// which.
/// @throws FormatError "FILE: prompt 3: …" where those are no texts.
OrdinaryPlan read_ordinary_plan(const OrdinaryOptions& options);

/// Checks that every everyday prompt fits the model's context. @throws ConfigError "FILE:LINE: …".
void check_ordinary(const EvaluationPlan& plan);

/// Runs what output/SETTING/ordinary.jsonl does not have yet, and measures it. @param plain  null for plain itself
OrdinaryResult answer_ordinary(const EvaluationPlan& plan, const EvaluationSetting& setting,
                               const OrdinaryResult* plain, Watch& watch);

/// Returns {"prompts", "tokens", "chat", "settings": [{"name", …}]}.
Json ordinary_json(const EvaluationPlan& plan, const std::vector<SettingResult>& results);
/// Returns the table with its heading and what its columns mean.
std::string ordinary_markdown(const EvaluationPlan& plan, const std::vector<SettingResult>& results);
/// Shows the first prompts where a setting answered otherwise than plain, side by side; offensive words masked.
std::string ordinary_examples(const std::vector<SettingResult>& results, size_t count);

}  // namespace limpid
