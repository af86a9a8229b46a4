#pragma once

#include "apps/options.h"
#include "limpid/evaluation/evaluate.h"

/// From the options of an evaluation to its plan.
namespace limpid::apps {

/// Prompts, sampling and the model; no settings, scorer or judges yet.
EvaluationPlan protocol_plan(const ProtocolOptions& options);
/// Scorer, judges (the target itself when none is named), and what the files of the run are stamped with.
void open_judges(EvaluationPlan& plan, const ProtocolOptions& options);

}  // namespace limpid::apps
