#include <algorithm>

#include "limpid/evaluation/evaluate.h"
#include "limpid/metrics/mask.h"

namespace limpid {
namespace {

std::string difference(const RunComparison& comparison, const std::string& metric, int digits) {
  const auto entry = comparison.metrics.find(metric);
  if (entry == comparison.metrics.end()) return "-";
  return (entry->second.difference > 0 ? "+" : "") +
         format_interval(entry->second.difference, entry->second.interval, digits);
}

constexpr size_t kOrdinaryExamples = 3;

/// Adds what the RealToxicityPrompts protocol measured of a setting.
void add_toxicity(const EvaluationPlan& plan, const SettingResult& result, Json& setting) {
  setting["mean_kl"] = number_or_null(result.mean_kl);
  setting["tokens_per_second"] = result.tokens_per_second;
  setting["metrics"] = to_json(result.reports[0]);
  for (size_t j = 0; j < plan.judges.size(); ++j)
    setting["perplexity"][plan.judges[j]->name()] = to_json(*result.reports[j].perplexity);
  if (result.against_plain.empty()) return;
  setting["against_plain"] = to_json(result.against_plain[0]);
  for (size_t j = 0; j < plan.judges.size(); ++j)
    setting["perplexity_against_plain"][plan.judges[j]->name()] = to_json(result.against_plain[j]);
}

std::string toxicity_markdown(const EvaluationPlan& plan, const std::vector<SettingResult>& results) {
  Table table;
  table.column("setting", Table::Align::kLeft)
      .column("EMT")
      .column("TP")
      .column("mean")
      .column("mean - plain")
      .column("EMT - plain");
  for (const auto& judge : plan.judges) table.column("PPL " + judge->name());
  table.column("dist-1").column("dist-2").column("dist-3").column("KL").column("tokens/s");
  for (const SettingResult& result : results) {
    const MetricsReport& m = result.reports[0];
    std::vector<std::string> cells = {
        result.setting.name,
        format_interval(m.toxicity.emt.value, m.toxicity.emt.bootstrap_95, 3),
        format_number(m.toxicity.toxicity_probability.value, 3, false),
        format_interval(m.toxicity.mean_over_prompts.value, m.toxicity.mean_over_prompts.bootstrap_95, 3),
        result.against_plain.empty() ? "" : difference(result.against_plain[0], "mean_over_prompts", 3),
        result.against_plain.empty() ? "" : difference(result.against_plain[0], "emt", 3)};
    for (size_t j = 0; j < plan.judges.size(); ++j)
      cells.push_back(format_number(result.reports[j].perplexity->ppl, 1));
    cells.push_back(format_number(m.diversity.dist[0].value.value, 3, false));
    cells.push_back(format_number(m.diversity.dist[1].value.value, 3, false));
    cells.push_back(format_number(m.diversity.dist[2].value.value, 3, false));
    cells.push_back(result.setting.is_plain() ? "" : format_number(result.mean_kl, 3));
    cells.push_back(result.tokens_per_second > 0 ? format_number(result.tokens_per_second, 0) : "");
    table.row(std::move(cells));
  }
  return concat("# ", plan.model_name, ": ", plan.prompts.size(), " prompts x ", plan.samples, " samples x ",
                plan.tokens, " tokens\n\n", table.to_markdown(),
                "\nEMT, mean and differences with 95 % bootstrap intervals over prompts; TP and flags at threshold ",
                plan.scorer ? format_number(plan.scorer->threshold(), 3) : "-", " of ",
                plan.scorer ? plan.scorer->name() : "no scorer",
                ". Missing scores in the first setting: ", results[0].reports[0].toxicity.missing_scores,
                ". KL: nats per token against plain, first prompts (about 1,000 tokens).\n");
}

}  // namespace

Json report_json(const EvaluationPlan& plan, const std::vector<SettingResult>& results) {
  Json report = {{"model", plan.model_name},       {"provenance", plan.provenance},
                 {"prompts", plan.prompts.size()}, {"samples", plan.samples},
                 {"tokens", plan.tokens},          {"scorer", plan.scorer ? plan.scorer->describe() : Json()},
                 {"settings", Json::array()}};
  for (const SettingResult& result : results) {
    Json setting = {{"name", result.setting.name},
                    {"detoxifier", result.setting.detoxifier_names()},
                    {"strength", result.setting.strengths_json()}};
    if (!result.reports.empty()) add_toxicity(plan, result, setting);
    if (result.choices) setting["multiple_choice"] = to_json(*result.choices);
    report["settings"].push_back(std::move(setting));
  }
  if (!plan.ordinary.prompts.empty()) report["ordinary"] = ordinary_json(plan, results);
  return report;
}

std::string report_markdown(const EvaluationPlan& plan, const std::vector<SettingResult>& results) {
  std::string text = plan.prompts.empty() ? concat("# ", plan.model_name, "\n") : toxicity_markdown(plan, results);
  if (!plan.ordinary.prompts.empty()) text += "\n" + ordinary_markdown(plan, results);
  if (!plan.choices.questions.empty()) text += "\n" + choices_markdown(results);
  if (!plan.ordinary.prompts.empty())
    if (const std::string examples = ordinary_examples(results, kOrdinaryExamples); !examples.empty())
      text += "\n### The first answers that differ\n\n" + examples;
  return text;
}

std::string examples_markdown(const EvaluationPlan&, const std::vector<SettingResult>& results, size_t count) {
  struct Worst {
    size_t row, sample;
    double toxicity;
  };
  std::vector<Worst> worst;
  const auto& plain = results[0].rows;
  for (size_t r = 0; r < plain.size(); ++r) {
    Worst pick{r, 0, -1.0};
    for (size_t s = 0; s < plain[r].generations.size(); ++s)
      if (const double t = plain[r].generations[s].toxicity.value_or(-1.0); t > pick.toxicity) pick = {r, s, t};
    worst.push_back(pick);
  }
  std::stable_sort(worst.begin(), worst.end(), [](const Worst& a, const Worst& b) { return a.toxicity > b.toxicity; });
  worst.resize(std::min(count, worst.size()));

  std::string text;
  for (const Worst& pick : worst) {
    text += concat("> ", masked_line(plain[pick.row].prompt), "\n\n");
    Table table;
    table.column("setting", Table::Align::kLeft)
        .column("score")
        .column("continuation, offensive words masked", Table::Align::kLeft);
    for (const SettingResult& result : results) {
      const Continuation& sample = result.rows[pick.row].generations[pick.sample];
      table.row({result.setting.name, format_number(sample.toxicity.value_or(std::nan("")), 2, false),
                 masked_line(sample.text)});
    }
    text += table.to_markdown() + "\n";
  }
  return text;
}

}  // namespace limpid
