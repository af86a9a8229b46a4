#include "limpid/evaluation/detox.h"

#include <algorithm>
#include <cmath>

#include "limpid/core/folder_lock.h"
#include "limpid/core/version.h"
#include "limpid/data/pairs.h"
#include "limpid/decoding/prompts.h"
#include "limpid/methods/destein/fit.h"
#include "limpid/methods/gate/fit.h"
#include "limpid/methods/provenance.h"
#include "limpid/methods/recipe/file.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/resolve_detoxifier.h"

namespace limpid {
namespace {

constexpr const char *kToxicPrompts = "web-toxic", *kOrdinaryWebPrompts = "web-ordinary",
                     *kEverydayTune = "everyday-tune";
constexpr double kStrengths[] = {0.2, 0.25, 0.3, 0.35,
                                 0.4, 0.45, 0.5, 0.6};  // tried upward while the budgets hold, else downward
constexpr double kWeakStrengths[] = {0.1, 0.05};

/// The files of a run.
struct DetoxFiles {
  fs::path work, directions, gate, journal;

  explicit DetoxFiles(const fs::path& output)
      : work(output.string() + ".work"),
        directions(work / "destein.detox.safetensors"),
        gate(work / "gate.detox.safetensors"),
        journal(work / "run.json") {}
};

fs::path beside(const fs::path& output, const char* ending) {
  std::string name = output.string();
  for (const char* known : {".safetensors", ".detox"})
    if (name.ends_with(known)) name.resize(name.size() - std::string(known).size());
  return name + ending;
}

/// Begins a run, or takes it up again. @throws ConfigError for the work of another.
void open_work(const DetoxPlan& plan, const DetoxFiles& files) {
  Json run = {{"version", version()},
              {"model", TargetSignature::of(*plan.model).vocab_sha256},
              {"name", plan.model_name},
              {"precision", name(plan.model->precision())},
              {"with", plan.with},
              {"pairs", plan.pairs},
              {"minutes", plan.minutes},
              {"seed", plan.seed},
              {"perplexity", plan.budgets.perplexity},
              {"scorer", plan.scorer->describe()},
              {"identical", plan.budgets.identical}};
  if (!fs::exists(files.journal)) return write_file(files.journal, to_text(run, 1));
  LIMPID_CHECK(
      read_json(files.journal) == run, ConfigError, files.work.string(),
      ": holds the work of another run (another model, version or options); delete it, or name another output");
}

std::vector<PromptRow> rows_between(const char* data, size_t begin, size_t count) {
  std::vector<PromptRow> rows = read_prompts(data);
  LIMPID_CHECK(begin < rows.size(), ConfigError, "[detox] ", data, ": has ", rows.size(), " prompts, ", begin + count,
               " are needed");
  rows.erase(rows.begin(), rows.begin() + std::ptrdiff_t(begin));
  if (rows.size() > count) rows.resize(count);
  return rows;
}

std::vector<std::string> texts_of(std::vector<PromptRow> rows) {
  std::vector<std::string> texts;
  for (PromptRow& row : rows) texts.push_back(std::move(row.text));
  return texts;
}

/// Fits directions and gate where the work folder does not have them.
void fit_parts(const DetoxPlan& plan, const DetoxFiles& files, const DetoxSplits& splits, Watch& watch) {
  if (!fs::exists(files.directions)) {
    destein::SteeringFit fit;
    fit.output = files.directions;
    fit.pairs =
        draw_pairs(read_pairs({.files = {"paradetox"}, .where = {}, .fields = {}}), size_t(plan.pairs), plan.seed);
    fit.seed = plan.seed;
    fit.provenance = fit_provenance(plan.model_name, {"paradetox"});
    destein::fit_destein(*plan.model, fit, watch);
  }
  if (fs::exists(files.gate)) return;
  gate::GateOptions options;
  options.rows = plan.rows;
  options.seed = plan.seed;
  options.closed = 1.0 - 0.8 * (1.0 - plan.budgets.identical);  // other answers than these have to keep the budget
  const size_t count = size_t(splits.gate);
  const gate::GateTexts texts{texts_of(rows_between(kToxicPrompts, 0, count)),
                              texts_of(rows_between(kOrdinaryWebPrompts, 0, count)),
                              texts_of(read_prompts(kEverydayTune))};
  const gate::FittedGate gate = gate::fit_gate(plan.model, *plan.scorer, texts, options, watch);
  gate::write_gated(files.gate, gate, *plan.model, nullptr,
                    fit_provenance(plan.model_name, {kToxicPrompts, kOrdinaryWebPrompts, kEverydayTune}));
}

/// Returns the recipe with the steering at a strength, written to `path` and opened as a person would.
std::shared_ptr<const Detoxifier> recipe_at(const DetoxPlan& plan, const DetoxFiles& files, double strength,
                                            const fs::path& path, const Json& provenance) {
  const auto gate_file = DetoxifierFile::open(files.gate);
  const gate::FittedGate gate{gate::read_gate(*gate_file)->parts(), gate_file->info().gate.at("fit")};
  std::vector<recipe::RecipePart> parts = {{DetoxifierFile::open(files.directions), strength}};
  for (const std::string& text : plan.with) {
    const DetoxSpec spec = DetoxSpec::parse(text);
    const float own = spec.strength.value_or(open_detoxifier(spec)->default_strength());
    parts.push_back({DetoxifierFile::open(resolve_detoxifier(spec.file)), double(own), spec.options});
  }
  recipe::write_recipe(path, *plan.model, parts, &gate, provenance);
  return open_detoxifier(DetoxSpec::parse(path.string()));
}

/// Returns an evaluation of plain alone on some prompts.
EvaluationPlan evaluation_of(const DetoxPlan& plan, std::vector<PromptRow> prompts, int64_t samples,
                             const fs::path& output) {
  EvaluationPlan evaluation;
  evaluation.model = plan.model;
  evaluation.model_name = plan.model_name;
  evaluation.prompts = std::move(prompts);
  evaluation.samples = samples;
  evaluation.rows = plan.rows;
  evaluation.sampling.seed = plan.seed;
  evaluation.output = output;
  evaluation.scorer = plan.scorer;
  evaluation.judges = {std::make_shared<PerplexityJudge>(plan.model, plan.model_name + " (target)")};
  evaluation.stop_tokens = end_tokens(*plan.model);
  evaluation.provenance = {{"version", version()}, {"model", plan.model_name}, {"prompts", evaluation.prompts.size()}};
  evaluation.settings = {{{}, "plain"}};
  return evaluation;
}

EvaluationSetting setting_of(const std::shared_ptr<const Detoxifier>& detoxifier, const std::string& name) {
  EvaluationSetting setting{{}, name};
  setting.add(detoxifier, detoxifier->default_strength());
  return setting;
}

double emt_ratio(const std::vector<SettingResult>& results) {
  return results[1].reports[0].toxicity.emt.value / results[0].reports[0].toxicity.emt.value;
}
/// Returns the mean negative log-likelihood of all tokens of both kinds of prompts, of plain or of the setting.
double mean_nll(const std::vector<SettingResult>& toxic, const std::vector<SettingResult>& ordinary, size_t setting) {
  const PerplexityReport &a = *toxic[setting].reports[0].perplexity, &b = *ordinary[setting].reports[0].perplexity;
  const double tokens_a = double(a.scored_tokens), tokens_b = double(b.scored_tokens);
  return (std::log(a.ppl) * tokens_a + std::log(b.ppl) * tokens_b) / (tokens_a + tokens_b);
}

/// Measures strengths on the search split and returns all that were tried, by strength.
std::vector<DetoxTrial> search_strength(const DetoxPlan& plan, const DetoxFiles& files, const DetoxSplits& splits,
                                        Watch& watch) {
  EvaluationPlan toxic = evaluation_of(plan, rows_between(kToxicPrompts, size_t(splits.gate), size_t(splits.search)),
                                       splits.search_samples, files.work / "search-toxic");
  EvaluationPlan ordinary =
      evaluation_of(plan, rows_between(kOrdinaryWebPrompts, size_t(splits.gate), size_t(splits.search)),
                    splits.search_samples, files.work / "search-ordinary");
  std::vector<DetoxTrial> trials;
  const auto measure = [&](double strength) {
    const std::string name = concat("strength-", strength);
    const auto detoxifier =
        recipe_at(plan, files, strength, files.work / (name + ".detox.safetensors"), Json::object());
    toxic.settings.resize(1);
    ordinary.settings.resize(1);
    toxic.settings.push_back(setting_of(detoxifier, name));
    ordinary.settings.push_back(setting_of(detoxifier, name));
    const auto of_toxic = evaluate(toxic, watch), of_ordinary = evaluate(ordinary, watch);
    trials.push_back({strength, emt_ratio(of_toxic), emt_ratio(of_ordinary),
                      std::exp(mean_nll(of_toxic, of_ordinary, 1) - mean_nll(of_toxic, of_ordinary, 0))});
    const DetoxTrial& trial = trials.back();
    watch.info(concat("strength ", strength, ": toxicity x ", format_number(trial.emt_toxic, 2), " on toxic and x ",
                      format_number(trial.emt_ordinary, 2), " on ordinary web prompts, perplexity x ",
                      format_number(trial.ppl, 2)));
    return trials.back().meets(plan.budgets);
  };
  bool met = false;
  for (double strength : kStrengths) {
    if (!measure(strength)) break;
    met = true;
  }
  for (double strength : kWeakStrengths) {
    if (met) break;
    met = measure(strength);
  }
  std::ranges::sort(trials, {}, &DetoxTrial::strength);
  return trials;
}

/// Returns the strength within the budgets that lowers toxicity most; the weakest tried when none is.
double best_strength(const std::vector<DetoxTrial>& trials, const DetoxBudgets& budgets) {
  const DetoxTrial* best = &trials.front();
  const auto toxicity = [](const DetoxTrial& trial) { return trial.emt_toxic + trial.emt_ordinary; };
  for (const DetoxTrial& trial : trials)
    if (trial.meets(budgets) && (!best->meets(budgets) || toxicity(trial) < toxicity(*best))) best = &trial;
  return best->strength;
}

/// Measures plain and the recipe on prompts that nothing was chosen by.
void check(const DetoxPlan& plan, const DetoxFiles& files, const DetoxSplits& splits, DetoxOutcome& outcome,
           Watch& watch) {
  const auto detoxifier = open_detoxifier(DetoxSpec::parse(plan.output.string()));
  const size_t begin = size_t(splits.gate + splits.search), count = size_t(splits.check);
  const auto measure = [&](const char* data, const char* folder, bool with_answers) {
    EvaluationPlan evaluation =
        evaluation_of(plan, rows_between(data, begin, count), splits.check_samples, files.work / folder);
    evaluation.settings.push_back(setting_of(detoxifier, "detoxified"));
    if (with_answers) evaluation.ordinary = read_ordinary_plan({.prompts = kOrdinaryPrompts});
    return evaluate(evaluation, watch);
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

Json outcome_json(const DetoxPlan& plan, const DetoxOutcome& outcome) {
  Json trials = Json::array();
  for (const DetoxTrial& trial : outcome.trials)
    trials.push_back({{"strength", trial.strength},
                      {"emt_ratio", {{kToxicPrompts, trial.emt_toxic}, {kOrdinaryWebPrompts, trial.emt_ordinary}}},
                      {"ppl_ratio", trial.ppl},
                      {"within_budgets", trial.meets(plan.budgets)}});
  return {{"model", plan.model_name},
          {"detoxifier", plan.output.filename().string()},
          {"helps", outcome.helps},
          {"strength", outcome.strength},
          {"budgets", {{"perplexity", plan.budgets.perplexity}, {"identical", plan.budgets.identical}}},
          {"trials", trials},
          {"gate", outcome.gate},
          {"check",
           {{kToxicPrompts, figures_json(outcome.toxic)}, {kOrdinaryWebPrompts, figures_json(outcome.ordinary_web)}}}};
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

DetoxOutcome make_detoxifier(const DetoxPlan& plan, Watch& watch) {
  const DetoxFiles files(plan.output);
  const DetoxSplits splits = DetoxSplits::for_minutes(plan.minutes);
  const FolderLock alone(files.work);
  open_work(plan, files);
  watch.info("1 of 3: directions and gate");
  fit_parts(plan, files, splits, watch);
  watch.info("2 of 3: strength");
  DetoxOutcome outcome;
  outcome.trials = search_strength(plan, files, splits, watch);
  outcome.strength = best_strength(outcome.trials, plan.budgets);
  outcome.gate = DetoxifierFile::open(files.gate)->info().gate.at("fit");
  Json provenance = fit_provenance(plan.model_name, {"paradetox", kToxicPrompts, kOrdinaryWebPrompts, kEverydayTune});
  provenance["seed"] = plan.seed;
  recipe_at(plan, files, outcome.strength, plan.output, provenance);
  watch.info("3 of 3: what it does, on prompts that nothing was chosen by");
  check(plan, files, splits, outcome, watch);
  outcome.json = outcome_json(plan, outcome);
  write_file(beside(plan.output, ".json"), to_text(outcome.json, 1) + "\n");
  write_file(beside(plan.output, ".html"), detox_page(plan, outcome));
  return outcome;
}

}  // namespace limpid
