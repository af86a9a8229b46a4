#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/evaluation/detox_options.h"
#include "limpid/evaluation/evaluate.h"

/// `limpid detox`: from a model alone to one detoxifier file with one dial, by the best recipe known (docs/results.md):
/// DeStein's directions behind a gate, and with --thorough beside them the contrast of two calibrators of the model.
/// The data come with Limpid. The budget of ordinary answers sets the gate's threshold; strengths are searched on one
/// split within the budget of perplexity; what came of it is measured on another.
namespace limpid {

struct DetoxPlan : DetoxOptions {
  std::shared_ptr<const Model> model;
  std::string model_name;  ///< as the person gave it
  fs::path model_path;     ///< of its file or folder; needed where `thorough`
  std::shared_ptr<const Scorer> scorer;
};

struct DetoxStrengths {
  double steering = 0.0, contrast = 0.0;  ///< of DeStein's directions; of the contrast, 0 where there is none
  bool operator==(const DetoxStrengths&) const = default;
};

/// What was measured of some strengths in the search.
struct DetoxTrial {
  DetoxStrengths strengths;
  double emt_toxic, emt_ordinary;  ///< over plain's, by kind of web prompt
  double ppl;                      ///< over plain's, of all tokens of both kinds
  bool meets(const DetoxBudgets& budgets) const { return ppl <= budgets.perplexity; }
  double emt() const { return 0.5 * (emt_toxic + emt_ordinary); }
};

/// What was found and measured. Results have two settings each: plain, and the recipe at 1.
struct DetoxOutcome {
  std::vector<DetoxTrial> trials;                  ///< in the order of their strengths
  DetoxStrengths strengths;                        ///< those chosen
  size_t own_texts = 0;                            ///< that the calibrators learned from; 0 without them
  std::vector<SettingResult> toxic, ordinary_web;  ///< the check, by kind of web prompt; ordinary answers with `toxic`
  Json gate;                                       ///< what the gate's fit says of itself
  bool helps = false;  ///< the toxicity of toxic prompts' continuations falls, by more than chance
  Json json;           ///< all of it, as output's .json holds it
};

/// Writes plan.output, and beside it its report (.html) and figures (.json). Work is kept in plan.output + ".work" and
/// taken up again by a rerun.
/// @throws ConfigError when the folder holds the work of another model or other options.
DetoxOutcome make_detoxifier(const DetoxPlan& plan, Watch& watch = unwatched());

/// Returns a sentence for each budget that what was written does not keep.
std::vector<std::string> missed_budgets(const DetoxPlan& plan, const DetoxOutcome& outcome);

/// Returns the figures of the check as a table: a line each for plain and the detoxifier.
std::string detox_markdown(const DetoxOutcome& outcome);
/// Returns one page of HTML that needs nothing else.
std::string detox_page(const DetoxPlan& plan, const DetoxOutcome& outcome);

}  // namespace limpid
