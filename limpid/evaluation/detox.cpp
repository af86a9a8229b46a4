#include "limpid/evaluation/detox.h"

#include <algorithm>
#include <cmath>

#include "limpid/core/folder_lock.h"
#include "limpid/core/number_text.h"
#include "limpid/core/phases.h"
#include "limpid/core/version.h"
#include "limpid/data/pairs.h"
#include "limpid/data/unfinished_output.h"
#include "limpid/evaluation/detox_contrast.h"
#include "limpid/evaluation/detox_search.h"
#include "limpid/methods/destein/fit.h"
#include "limpid/methods/gate/fit.h"
#include "limpid/methods/provenance.h"
#include "limpid/methods/registry.h"

namespace limpid {
namespace {

fs::path beside(const fs::path& output, const char* ending) {
  std::string name = output.string();
  for (const char* known : {".safetensors", ".detox"})
    if (name.ends_with(known)) name.resize(name.size() - std::string(known).size());
  return name + ending;
}

/// Begins a run, or takes it up again. @throws ConfigError for the work of another.
void open_work(const DetoxPlan& plan, const DetoxFiles& files) {
  Json with = Json::array();  // contents: another file may have come into a place
  for (const std::string& text : plan.with) {
    with.push_back(text);
    for (const fs::path& file : files_of(DetoxSpec::parse(text))) with.push_back(content_stamp(file));
  }
  Json run = {{"version", version()},
              {"model", TargetSignature::of(*plan.model).vocab_sha256},
              {"weights", plan.model_path.empty() ? "" : content_stamp(plan.model_path)},
              {"name", plan.model_name},
              {"precision", name(plan.model->precision())},
              {"with", with},
              {"pairs", plan.pairs},
              {"minutes", plan.minutes_in_all()},
              {"thorough", plan.thorough},
              {"seed", plan.seed},
              {"perplexity", plan.budgets.perplexity},
              {"scorer", plan.scorer->describe()},
              {"identical", plan.budgets.identical}};
  if (!fs::exists(files.journal)) return write_file(files.journal, to_text(run, 1));
  LIMPID_CHECK(
      read_json(files.journal) == run, ConfigError, files.work.string(),
      ": holds the work of another run (another model, version or options); delete it, or name another output");
}

void fit_directions(const DetoxPlan& plan, const DetoxFiles& files, Watch& watch) {
  if (fs::exists(files.directions)) return;
  destein::SteeringFit fit;
  fit.output = files.directions;
  fit.pairs =
      draw_pairs(read_pairs({.files = {kSteeringPairs}, .where = {}, .fields = {}}), size_t(plan.pairs), plan.seed);
  fit.seed = plan.seed;
  fit.provenance = fit_provenance(plan.model_name, {kSteeringPairs});
  destein::fit_destein(*plan.model, fit, watch);
}

void fit_gate(const DetoxPlan& plan, const DetoxFiles& files, const DetoxSplits& splits, Watch& watch) {
  if (fs::exists(files.gate)) return;
  gate::GateOptions options;
  options.rows = plan.rows;
  options.seed = plan.seed;
  options.closed = 1.0 - 0.8 * (1.0 - plan.budgets.identical);  // other answers than these have to keep the budget
  const size_t count = size_t(splits.gate);
  const gate::GateTexts texts{texts_of(rows_between(kToxicPrompts, 0, count)),
                              texts_of(rows_between(kOrdinaryWebPrompts, 0, count)),
                              texts_of(read_prompts(kEverydayTune))};
  const gate::FittedGate gate = gate::fit_gate(plan.model, {*plan.scorer}, texts, options, watch);
  gate::write_gated(files.gate, gate, *plan.model, nullptr,
                    fit_provenance(plan.model_name, {kToxicPrompts, kOrdinaryWebPrompts, kEverydayTune}));
}

/// Measures plain and the recipe on prompts that nothing was chosen by.
void check(const DetoxPlan& plan, const DetoxFiles& files, const DetoxSplits& splits, DetoxOutcome& outcome,
           Watch& watch) {
  const auto detoxifier = open_detoxifier(DetoxSpec::parse(plan.output.string()));
  const size_t begin = size_t(splits.gate + splits.search), count = size_t(splits.check);
  const auto measure = [&](const char* data, const char* folder, bool with_answers) {
    EvaluationPlan evaluation =
        evaluation_of(plan, rows_between(data, begin, count), splits.check_samples, files.work / folder);
    EvaluationSetting setting{{}, "detoxified"};
    setting.add(detoxifier, detoxifier->default_strength());
    evaluation.settings.push_back(setting);
    if (with_answers) evaluation.ordinary = read_ordinary_plan({.prompts = kOrdinaryPrompts});
    const auto results = evaluate(evaluation, watch);
    for (const SettingResult& result : results)
      LIMPID_CHECK(is_complete(evaluation, result, watch), Error, "[detox] samples or scores of \"",
                   result.setting.name, "\" are missing in ", evaluation.output.string(),
                   ", so nothing can be said of what it does");
    return results;
  };
  outcome.toxic = measure(kToxicPrompts, "check-toxic", true);
  outcome.ordinary_web = measure(kOrdinaryWebPrompts, "check-ordinary", false);
  outcome.helps = outcome.toxic[1].against_plain[0].metrics.at("emt").interval.high < 0.0;
}

Json figures_json(const std::vector<SettingResult>& results) {
  Json json = Json::array();
  for (const SettingResult& result : results) {
    Json figures = to_json(result.reports[0]);
    figures.erase("prompts");
    figures["name"] = result.setting.name;
    if (!result.against_plain.empty()) figures["against_plain"] = to_json(result.against_plain[0]);
    if (result.ordinary) figures["ordinary"] = to_json(result.ordinary->report);
    if (result.ordinary && result.ordinary->against_plain)
      figures["ordinary"]["against_plain"] = to_json(*result.ordinary->against_plain);
    json.push_back(std::move(figures));
  }
  return json;
}

Json strengths_json(const DetoxPlan& plan, const DetoxStrengths& strengths) {
  Json json = {{"strength", strengths.steering}};
  if (plan.thorough) json["contrast"] = strengths.contrast;
  return json;
}

Json outcome_json(const DetoxPlan& plan, const DetoxOutcome& outcome) {
  Json trials = Json::array();
  for (const DetoxTrial& trial : outcome.trials) {
    Json json = strengths_json(plan, trial.strengths);
    json.update({{"emt_ratio", {{kToxicPrompts, trial.emt_toxic}, {kOrdinaryWebPrompts, trial.emt_ordinary}}},
                 {"ppl_ratio", trial.ppl},
                 {"within_budgets", trial.meets(plan.budgets)}});
    trials.push_back(std::move(json));
  }
  Json json = {
      {"model", plan.model_name},
      {"detoxifier", plan.output.filename().string()},
      {"helps", outcome.helps},
      {"budgets", {{"perplexity", plan.budgets.perplexity}, {"identical", plan.budgets.identical}}},
      {"trials", trials},
      {"gate", outcome.gate},
      {"check",
       {{kToxicPrompts, figures_json(outcome.toxic)}, {kOrdinaryWebPrompts, figures_json(outcome.ordinary_web)}}}};
  json.update(strengths_json(plan, outcome.strengths));
  if (plan.thorough) json["own_texts"] = {{"count", outcome.own_texts}, {"of", OwnTexts::kUsual}};
  return json;
}

/// How the minutes of a run are shared.
struct Shares {
  DetoxSplits splits;
  OwnTexts own_texts;

  explicit Shares(const DetoxPlan& plan) {
    const double minutes = plan.minutes_in_all(), contrast = plan.thorough ? 0.55 * minutes : 0.0;
    splits = DetoxSplits::for_minutes(minutes - contrast);
    if (plan.thorough) own_texts = OwnTexts::for_minutes(contrast);
  }
};

/// Returns the phases of a run with the seconds that each takes on two cores with a model of 135 million weights.
std::vector<Phase> phases_of(const DetoxPlan& plan, const Shares& shares) {
  const DetoxSplits& splits = shares.splits;
  const double texts = double(shares.own_texts.count), search = double(splits.search * splits.search_samples),
               check = double(splits.check * splits.check_samples), trials = plan.thorough ? 10 : 4;
  std::vector<Phase> phases;
  if (plan.thorough) phases = {{"own texts", 0.06 * texts, 1}, {"calibrators", 30 + 0.09 * texts, 3}};
  phases.push_back({"directions", 0.02 * double(plan.pairs), 2});
  phases.push_back({"gate", 0.6 * double(splits.gate), 2});
  phases.push_back({"strengths", 0.07 * search * (trials + 1), 2 * (trials + 1)});
  phases.push_back({"check", 0.14 * check + 60, 6});
  return phases;
}

std::string strengths_text(const DetoxStrengths& strengths) {
  return concat(strengths.steering,
                strengths.contrast > 0.0 ? concat(" beside a contrast of ", strengths.contrast) : "");
}

void make_contrast(const DetoxPlan& plan, const DetoxFiles& files, const Shares& shares, DetoxOutcome& outcome,
                   Phases& phases) {
  outcome.own_texts = shares.own_texts.count;
  phases.next();
  write_own_texts(plan, files, shares.splits, shares.own_texts, phases);
  phases.end(concat(thousands(outcome.own_texts), " texts"));
  phases.next();
  fit_contrast(plan, files, phases);
  phases.end();
}

void choose_strengths(const DetoxPlan& plan, const DetoxFiles& files, const DetoxSplits& splits, DetoxOutcome& outcome,
                      Phases& phases) {
  phases.next();
  outcome.trials = search_strengths(plan, files, splits, phases);
  outcome.strengths = best_strengths(outcome.trials, plan.budgets);
  phases.end(concat(outcome.trials.size(), " tried, ", strengths_text(outcome.strengths), " chosen"));
  std::vector<std::string> data = {kSteeringPairs, kToxicPrompts, kOrdinaryWebPrompts, kEverydayTune};
  if (plan.thorough) data.push_back(kComments);
  Json provenance = fit_provenance(plan.model_name, data);
  provenance["seed"] = plan.seed;
  recipe_at(plan, files, outcome.strengths, plan.output, provenance, measured_dial(outcome.trials, outcome.strengths));
}

}  // namespace

DetoxSplits DetoxSplits::for_minutes(double minutes) {
  LIMPID_CHECK(minutes > 0.0, ConfigError, "[detox] minutes are ", minutes, ", expected a number above 0");
  const double factor = minutes / 15.0;
  DetoxSplits splits;
  splits.search = std::clamp(int64_t(std::lround(40 * factor)), int64_t(10), int64_t(80));
  splits.check = std::clamp(int64_t(std::lround(60 * factor)), int64_t(15), 500 - splits.gate - splits.search);
  return splits;
}

std::vector<std::string> missed_budgets(const DetoxPlan& plan, const DetoxOutcome& outcome) {
  std::vector<std::string> missed;
  const auto chosen = std::ranges::find(outcome.trials, outcome.strengths, &DetoxTrial::strengths);
  if (chosen != outcome.trials.end() && !chosen->meets(plan.budgets))
    missed.push_back(concat("no strength that was tried keeps perplexity at ", plan.budgets.perplexity,
                            " times plain's or below: it is ", format_number(chosen->ppl, 3, false), " at ",
                            strengths_text(outcome.strengths)));
  const Share& identical = outcome.toxic[1].ordinary->against_plain->identical;
  if (identical.value() < plan.budgets.identical)
    missed.push_back(concat(identical.count, " of ", identical.of,
                            " everyday answers stay the same, less than the budget of ",
                            percent(plan.budgets.identical)));
  return missed;
}

DetoxOutcome make_detoxifier(const DetoxPlan& plan, Watch& watch) {
  for (const std::string& text : plan.with) {  // refused now rather than in the search
    const DetoxSpec spec = DetoxSpec::parse(text);
    open_detoxifier(spec)->open(*plan.model);
  }
  const DetoxFiles files(plan.output);
  const Shares shares(plan);
  const FolderLock alone(files.work);
  open_work(plan, files);
  if (plan.thorough && shares.own_texts.count < OwnTexts::kUsual)
    watch.info(concat(plan.minutes_in_all(), " minutes: the calibrators learn from ", thousands(shares.own_texts.count),
                      " texts of the model's own, not ", thousands(OwnTexts::kUsual)));
  Phases phases(watch, phases_of(plan, shares));
  DetoxOutcome outcome;
  if (plan.thorough) make_contrast(plan, files, shares, outcome, phases);
  phases.next();
  fit_directions(plan, files, phases);
  phases.end();
  phases.next();
  fit_gate(plan, files, shares.splits, phases);
  phases.end();
  outcome.gate = DetoxifierFile::open(files.gate)->info().gate.at("fit");
  choose_strengths(plan, files, shares.splits, outcome, phases);
  phases.next();
  check(plan, files, shares.splits, outcome, phases);
  phases.end();
  outcome.json = outcome_json(plan, outcome);
  write_file(beside(plan.output, ".json"), to_text(outcome.json, 1) + "\n");
  write_file(beside(plan.output, ".html"), detox_page(plan, outcome));
  return outcome;
}

}  // namespace limpid
