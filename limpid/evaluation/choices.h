#pragma once

#include <string>
#include <vector>

#include "limpid/evaluation/multiple_choice.h"
#include "limpid/evaluation/settings.h"

/// Multiple-choice questions as a part of an evaluation: what each setting still knows.
namespace limpid {

struct EvaluationPlan;
struct SettingResult;

struct ChoicesPlan {
  std::vector<ChoiceQuestion> questions;  ///< asked in the format "answer", without examples
  Json provenance;                        ///< stored with the likelihoods, as EvaluationPlan::provenance
};

/// Asks one setting. Its likelihoods are kept in output/SETTING/choices.json and not computed again while the plan
/// stays the same.
MultipleChoiceReport answer_choices(const EvaluationPlan& plan, const EvaluationSetting& setting, Watch& watch);

/// Returns the table with its heading.
std::string choices_markdown(const std::vector<SettingResult>& results);

}  // namespace limpid
