#include "limpid/evaluation/tune_detoxifier.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "limpid/core/number_text.h"
#include "limpid/core/watch.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/resolve_detoxifier.h"

namespace limpid {
namespace {

/// The metrics of a target: how they are called here and in a comparison.
constexpr std::pair<const char*, const char*> kMetrics[] = {
    {"emt", "emt"}, {"mean", "mean_over_prompts"}, {"ppl", "ppl"}};

double metric(const SettingResult& result, const std::string& name) {
  const MetricsReport& report = result.reports[0];
  if (name == "emt") return report.toxicity.emt.value;
  if (name == "mean") return report.toxicity.mean_over_prompts.value;
  return report.perplexity ? report.perplexity->ppl : std::nan("");
}

Json metrics_json(const SettingResult& result) {
  Json json;
  for (const auto& [name, long_name] : kMetrics) json[name] = number_or_null(metric(result, name));
  return json;
}

double identical_share(const SettingResult& result) { return result.ordinary->against_plain->identical.value(); }

/// Returns whether a setting leaves as many ordinary answers alone as it must.
bool keeps(const std::optional<double>& ordinary_budget, const SettingResult& result) {
  return !ordinary_budget || identical_share(result) >= *ordinary_budget;
}

Json point_json(const TunePoint& point, const std::optional<double>& ordinary_budget, const SettingResult& result) {
  Json json = metrics_json(result);
  if (ordinary_budget)
    json["ordinary"] = {{"identical", to_json(result.ordinary->against_plain->identical)},
                        {"met", keeps(ordinary_budget, result)}};
  json["strength"] = point.strength;
  json["ratio"] = number_or_null(point.ratio);
  for (const auto& [name, long_name] : kMetrics)
    if (const auto comparison = result.against_plain[0].metrics.find(long_name);
        comparison != result.against_plain[0].metrics.end())
      json["against_plain"][name] = to_json(comparison->second);
  return json;
}

std::string difference(const SettingResult& result, const char* name, int digits) {
  const auto comparison = result.against_plain[0].metrics.find(name);
  return comparison == result.against_plain[0].metrics.end()
             ? "-"
             : format_interval(comparison->second.difference, comparison->second.interval, digits);
}

std::string curve_table(const TuneTarget& target, const std::optional<double>& ordinary_budget, const TuneResult& tuned,
                        const std::vector<SettingResult>& results) {
  Table table;
  table.column("strength")
      .column(target.metric + " / plain")
      .column("EMT")
      .column("EMT - plain")
      .column("mean")
      .column("mean - plain");
  table.column("PPL").column("PPL - plain");
  if (ordinary_budget) table.column("same answers");
  table.column("");
  const SettingResult& plain = results[0];
  const auto add_row = [&](std::vector<std::string> cells, const std::string& same, const std::string& note) {
    if (ordinary_budget) cells.push_back(same);
    cells.push_back(note);
    table.row(std::move(cells));
  };
  add_row({"plain", "1.000", format_number(metric(plain, "emt"), 3, false), "",
           format_number(metric(plain, "mean"), 3, false), "", format_number(metric(plain, "ppl"), 1), ""},
          "", "");
  for (size_t i = 1; i < results.size(); ++i) {
    const TunePoint& point = tuned.curve[i - 1];
    const bool kept = keeps(ordinary_budget, results[i]);
    std::string note = target.met_by(point.ratio) && kept ? "meets it" : "";
    if (target.met_by(point.ratio) && !kept) note = "changes too many answers";
    if (tuned.strength == point.strength) note = "chosen";
    add_row({concat(point.strength), format_number(point.ratio, 3), format_number(metric(results[i], "emt"), 3, false),
             difference(results[i], "emt", 3), format_number(metric(results[i], "mean"), 3, false),
             difference(results[i], "mean_over_prompts", 3), format_number(metric(results[i], "ppl"), 1),
             difference(results[i], "ppl", 2)},
            ordinary_budget ? percent(identical_share(results[i])) : "", note);
  }
  return table.to_markdown();
}

Json tune_json(const EvaluationPlan& plan, const DetoxSpec& spec, const TuneTarget& target,
               const std::optional<double>& ordinary_budget, const TuneResult& tuned,
               const std::vector<SettingResult>& results) {
  const char* kind = target.kind == TuneTarget::Kind::Budget ? "budget" : "aim";
  Json json = {{"target", {{"kind", kind}, {"metric", target.metric}, {"limit", target.limit}}},
               {"options", spec.options},
               {"strength", tuned.strength ? Json(*tuned.strength) : Json()},
               {"monotone", tuned.monotone},
               {"model", plan.model_name},
               {"prompts", plan.prompts.size()},
               {"samples", plan.samples},
               {"tokens", plan.tokens},
               {"seed", plan.sampling.seed},
               {"plain", metrics_json(results[0])},
               {"curve", Json::array()}};
  if (ordinary_budget) json["ordinary_budget"] = *ordinary_budget;
  for (size_t i = 1; i < results.size(); ++i)
    json["curve"].push_back(point_json(tuned.curve[i - 1], ordinary_budget, results[i]));
  return json;
}

/// Paths below the file's folder stay what they point to when the copy lies elsewhere; names of pulled models stay
/// names.
void move_needs(DetoxifierInfo& info, const fs::path& from, const fs::path& to) {
  for (DetoxifierNeed& need : info.needs) {
    const fs::path model = fs::absolute(from).parent_path() / need.path;
    if (fs::exists(model)) need.path = needed_path(need.role, model, to);
  }
}

}  // namespace

double target_ratio(const TuneTarget& target, const SettingResult& plain, const SettingResult& setting) {
  const double reference = metric(plain, target.metric);
  LIMPID_CHECK(std::isfinite(reference) && reference > 0.0, ConfigError, "[tune] ", target.metric,
               " of the plain model is ", reference,
               ", so nothing can be measured against it; use more prompts or samples");
  return metric(setting, target.metric) / reference;
}

TuneOutcome tune_detoxifier(EvaluationPlan plan, const DetoxSpec& spec, const TuneTarget& target, TuneOptions options,
                            Watch& watch, std::optional<double> ordinary_budget) {
  LIMPID_CHECK(!plan.prompts.empty(), ConfigError, "[tune] no prompts to measure the target on");
  LIMPID_CHECK(!ordinary_budget || !plan.ordinary.prompts.empty(), ConfigError,
               "[tune] a budget of ordinary answers without ordinary prompts");
  const std::shared_ptr<const Detoxifier> detoxifier = open_detoxifier(spec);
  // Through text, so that 0.2 of a file or command line is 0.2 here, not the nearest float.
  options.start = std::stod(concat(spec.strength.value_or(detoxifier->default_strength())));
  const EvaluationSetting plain{{}, "plain"};
  options.largest = std::min(options.largest, detoxifier->limits().range.most);
  const auto setting_at = [&](double strength) {
    EvaluationSetting setting{{}, setting_name(spec, *detoxifier, float(strength))};
    setting.add(detoxifier, float(strength));
    return setting;
  };
  std::set<double> incomplete;  // strengths at which samples failed: too strong, whatever the others say
  const auto ratio_at = [&](double strength, const SettingResult& plain, const SettingResult& setting) {
    return incomplete.contains(strength) ? std::nan("") : target_ratio(target, plain, setting);
  };
  const auto measure = [&](double strength) {
    plan.settings = {plain, setting_at(strength)};
    const auto results = evaluate(plan, watch);
    LIMPID_CHECK(is_complete(plan, results[0], watch), Error,
                 "[tune] the plain model has samples or scores missing, so ", "nothing can be measured against it");
    if (!is_complete(plan, results[1], watch)) incomplete.insert(strength);
    const double ratio = ratio_at(strength, results[0], results[1]);
    const bool kept = keeps(ordinary_budget, results[1]);
    watch.info(concat("strength ", strength, ": ", target.metric, " is ", format_number(ratio, 3), " of plain",
                      ordinary_budget ? concat(", ", percent(identical_share(results[1])), " of ordinary answers stay",
                                               kept ? "" : ", which is too few")
                                      : ""));
    // Under a budget, too strong is too strong: NaN, which meets nothing. An aim is searched from below by its own
    // ratio.
    return kept || target.kind == TuneTarget::Kind::Aim ? ratio : std::nan("");
  };
  TuneOutcome outcome;
  TuneResult& tuned = outcome.result = tune_strength(measure, target, options);

  plan.settings = {plain};
  for (const TunePoint& point : tuned.curve) plan.settings.push_back(setting_at(point.strength));
  const auto results = evaluate(plan, watch);  // nothing left to decode: the report of the whole curve
  std::string kept_shares;
  if (ordinary_budget) {
    tuned.strength.reset();
    for (size_t i = 0; i < tuned.curve.size(); ++i) {
      TunePoint& point = tuned.curve[i];
      point.ratio = ratio_at(point.strength, results[0], results[i + 1]);
      kept_shares += concat(i ? ", " : "", point.strength, " (", percent(identical_share(results[i + 1])), ")");
      const bool met = target.met_by(point.ratio) && keeps(ordinary_budget, results[i + 1]);
      if (met && (target.kind == TuneTarget::Kind::Budget || !tuned.strength)) tuned.strength = point.strength;
    }
  }
  outcome.wanted = target.text();
  if (ordinary_budget) outcome.wanted += concat(", ", percent(*ordinary_budget), " of ordinary answers as plain's");
  if (!tuned.strength) {
    outcome.failure = describe_failure(tuned);
    if (ordinary_budget) outcome.failure += "; ordinary answers that stay: " + kept_shares;
  }
  outcome.markdown = curve_table(target, ordinary_budget, tuned, results);
  outcome.json = tune_json(plan, spec, target, ordinary_budget, tuned, results);
  outcome.json["detoxifier"] = detoxifier->name();
  write_file(plan.output / "tune.json", to_text(outcome.json, 1) + "\n");
  return outcome;
}

void check_tuned_output(const fs::path& output, const DetoxSpec& spec) {
  LIMPID_CHECK(!spec.is_control(), ConfigError, "[tune] ", spec.file, " has no file that could be written");
  const fs::path file = resolve_detoxifier(spec.file);
  LIMPID_CHECK(!fs::exists(output) || !fs::equivalent(output, file), ConfigError, "[tune] ", output.string(),
               " is the detoxifier that was tuned; name another file");
  if (!file.string().ends_with(".safetensors")) return;
  DetoxifierInfo info = DetoxifierFile::open(file)->info();
  move_needs(info, file, output);
}

std::string write_tuned(const fs::path& output, const DetoxSpec& spec, double strength, const Json& json) {
  check_tuned_output(output, spec);
  const fs::path path = resolve_detoxifier(spec.file);
  const auto file = DetoxifierFile::open(path);
  DetoxifierInfo info = file->info();
  info.default_strength = strength;
  std::string others;
  for (const auto& [key, value] : spec.options) {
    if (const auto setting = info.settings.find(key); setting != info.settings.end() && setting->is_string())
      *setting = value;
    else
      others += concat(others.empty() ? "" : "&", key, "=", value);
  }
  info.settings["tune"] = json;
  move_needs(info, path, output);
  write_detoxifier(output, info, file->tensors()->tensors());
  return others;
}

}  // namespace limpid
