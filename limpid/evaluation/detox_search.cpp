#include "limpid/evaluation/detox_search.h"

#include <algorithm>
#include <cmath>

#include "limpid/methods/gate/file.h"
#include "limpid/methods/recipe/file.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/resolve_detoxifier.h"

namespace limpid {
namespace {

constexpr double kSteering[] = {0.05, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6};
constexpr size_t kFirstSteering = 2;
constexpr double kContrasts[] = {0.0, 0.5, 1.0, 1.5};

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

/// Measures strengths on the search split.
class Search {
 public:
  Search(const DetoxPlan& plan, const DetoxFiles& files, const DetoxSplits& splits, Watch& watch)
      : plan_(plan),
        files_(files),
        watch_(watch),
        toxic_(evaluation(kToxicPrompts, "search-toxic", splits)),
        ordinary_(evaluation(kOrdinaryWebPrompts, "search-ordinary", splits)) {}

  /// Returns the place of the strongest steering within the budget beside this contrast, as seen from `begin`.
  std::optional<size_t> edge(double contrast, size_t begin) {
    const auto keeps = [&](size_t place) { return measure({kSteering[place], contrast}); };
    size_t place = begin;
    if (keeps(place)) {
      while (place + 1 < std::size(kSteering) && keeps(place + 1)) ++place;
      return place;
    }
    while (place > 0)
      if (keeps(--place)) return place;
    return std::nullopt;
  }
  std::vector<DetoxTrial> trials;

 private:
  EvaluationPlan evaluation(const char* data, const char* folder, const DetoxSplits& splits) const {
    return evaluation_of(plan_, rows_between(data, size_t(splits.gate), size_t(splits.search)), splits.search_samples,
                         files_.work / folder);
  }
  bool measure(const DetoxStrengths& strengths) {
    const std::string name = concat("strength-", strengths.steering,
                                    strengths.contrast > 0.0 ? concat("-contrast-", strengths.contrast) : "");
    const auto detoxifier =
        recipe_at(plan_, files_, strengths, files_.work / (name + ".detox.safetensors"), Json::object());
    for (EvaluationPlan* plan : {&toxic_, &ordinary_}) {
      plan->settings.resize(1);
      plan->settings.push_back(setting_of(detoxifier, name));
    }
    const auto of_toxic = evaluate(toxic_, watch_), of_ordinary = evaluate(ordinary_, watch_);
    const bool complete = is_complete(toxic_, of_toxic[1], watch_) && is_complete(ordinary_, of_ordinary[1], watch_);
    const double ppl = std::exp(mean_nll(of_toxic, of_ordinary, 1) - mean_nll(of_toxic, of_ordinary, 0));
    trials.push_back({strengths, emt_ratio(of_toxic), emt_ratio(of_ordinary), complete ? ppl : std::nan("")});
    return trials.back().meets(plan_.budgets);
  }

  const DetoxPlan& plan_;
  const DetoxFiles& files_;
  Watch& watch_;
  EvaluationPlan toxic_, ordinary_;
};

}  // namespace

std::shared_ptr<const Detoxifier> recipe_at(const DetoxPlan& plan, const DetoxFiles& files,
                                            const DetoxStrengths& strengths, const fs::path& path,
                                            const Json& provenance, const std::optional<Range>& measured) {
  const auto gate_file = DetoxifierFile::open(files.gate);
  const gate::FittedGate gate{gate::read_gate(*gate_file)->parts(), gate_file->info().gate.at("fit")};
  std::vector<recipe::RecipePart> parts = {{DetoxifierFile::open(files.directions), strengths.steering}};
  if (strengths.contrast > 0.0) parts.push_back({DetoxifierFile::open(files.contrast), strengths.contrast});
  for (const std::string& text : plan.with) {
    const DetoxSpec spec = DetoxSpec::parse(text);
    const float own = spec.strength.value_or(open_detoxifier(spec)->default_strength());
    parts.push_back({DetoxifierFile::open(resolve_detoxifier(spec.file)), double(own), spec.options});
  }
  recipe::write_recipe(path, *plan.model, parts, &gate, provenance, measured);
  return open_detoxifier(DetoxSpec::parse(path.string()));
}

std::vector<DetoxTrial> search_strengths(const DetoxPlan& plan, const DetoxFiles& files, const DetoxSplits& splits,
                                         Watch& watch) {
  Search search(plan, files, splits, watch);
  size_t begin = kFirstSteering;
  for (double contrast : std::span(kContrasts).first(plan.thorough ? std::size(kContrasts) : 1))
    begin = search.edge(contrast, begin).value_or(0);
  std::ranges::sort(search.trials, {}, [](const DetoxTrial& trial) {
    return std::pair(trial.strengths.contrast, trial.strengths.steering);
  });
  return std::move(search.trials);
}

DetoxStrengths best_strengths(const std::vector<DetoxTrial>& trials, const DetoxBudgets& budgets) {
  const DetoxTrial* best = &trials.front();
  for (const DetoxTrial& trial : trials)
    if (trial.meets(budgets) && (!best->meets(budgets) || trial.emt() < best->emt())) best = &trial;
  return best->strengths;
}

Range measured_dial(const std::vector<DetoxTrial>& trials, const DetoxStrengths& chosen) {
  Range dial{0.0, INFINITY};
  for (double DetoxStrengths::* part : {&DetoxStrengths::steering, &DetoxStrengths::contrast}) {
    if (chosen.*part == 0.0) continue;
    Range tried{INFINITY, 0.0};
    for (const DetoxTrial& trial : trials) {
      const double share = trial.strengths.*part / chosen.*part;
      if (share == 0.0) continue;  // off was measured, but not what lies between
      tried = {std::min(tried.least, share), std::max(tried.most, share)};
    }
    dial = {std::max(dial.least, tried.least), std::min(dial.most, tried.most)};
  }
  return {std::floor(dial.least * 100.0) / 100.0, std::ceil(dial.most * 100.0) / 100.0};
}

}  // namespace limpid
