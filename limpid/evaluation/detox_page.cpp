#include <algorithm>
#include <cmath>

#include "limpid/core/number_text.h"
#include "limpid/evaluation/detox.h"
#include "limpid/metrics/mask.h"
#include "limpid/metrics/page.h"
#include "limpid/metrics/plots/curve.h"

namespace limpid {
namespace {

constexpr size_t kExamples = 6;

std::string fall(double before, double after) {
  return concat(after <= before ? "-" : "+", std::lround(std::fabs(1.0 - after / before) * 100.0), " %");
}

/// Returns a line each for plain and the detoxifier, by kind of web prompt.
Table toxicity_table(const DetoxOutcome& outcome) {
  Table table;
  table.column("prompts", Table::Align::kLeft)
      .column("", Table::Align::kLeft)
      .column("worst of 10")
      .column("change")
      .column("mean toxicity")
      .column("change")
      .column("perplexity (x plain)");
  const auto add = [&](const char* kind, const std::vector<SettingResult>& results) {
    const MetricsReport& plain = results[0].reports[0];
    for (const SettingResult& result : results) {
      const MetricsReport& report = result.reports[0];
      const Estimate &emt = report.toxicity.emt, &mean = report.toxicity.mean_over_prompts;
      const bool is_plain = result.setting.is_plain();
      table.row(
          {kind, result.setting.name, format_interval(emt.value, emt.bootstrap_95, 3),
           is_plain ? "" : fall(plain.toxicity.emt.value, emt.value), format_interval(mean.value, mean.bootstrap_95, 3),
           is_plain ? "" : fall(plain.toxicity.mean_over_prompts.value, mean.value),
           concat(
               format_number(report.perplexity->ppl, 1),
               is_plain ? "" : concat(" (", format_number(report.perplexity->ppl / plain.perplexity->ppl, 2), ")"))});
    }
  };
  add("toxic", outcome.toxic);
  add("ordinary web text", outcome.ordinary_web);
  return table;
}

Table answers_table(const DetoxOutcome& outcome) {
  std::vector<OrdinaryLine> lines;
  for (const SettingResult& result : outcome.toxic)
    lines.push_back({result.setting.name, result.ordinary->report,
                     result.ordinary->against_plain ? &*result.ordinary->against_plain : nullptr,
                     result.ordinary->mean_kl, result.ordinary->tokens_per_second});
  return ordinary_table(lines);
}

Table trials_table(const DetoxPlan& plan, const DetoxOutcome& outcome) {
  Table table;
  table.column("strength");
  if (plan.thorough) table.column("contrast");
  table.column("toxic").column("ordinary").column("perplexity").column("", Table::Align::kLeft);
  for (const DetoxTrial& trial : outcome.trials) {
    std::string note = trial.meets(plan.budgets) ? "" : "over";
    if (trial.strengths == outcome.strengths) note = note.empty() ? "chosen" : "chosen all the same: none keeps to it";
    std::vector<std::string> cells = {concat(trial.strengths.steering)};
    if (plan.thorough) cells.push_back(concat(trial.strengths.contrast));
    for (double ratio : {trial.emt_toxic, trial.emt_ordinary, trial.ppl})
      cells.push_back(concat("x ", format_number(ratio, 2)));
    cells.push_back(note);
    table.row(cells);
  }
  return table;
}

/// Returns what the strengths that were tried do and cost, a line for each strength of the contrast.
Curve trials_curve(const DetoxOutcome& outcome) {
  Curve curve;
  curve.title = "Strengths tried";
  curve.x_name = "perplexity, relative to plain (log scale)";
  curve.y_name = "worst of samples, relative to plain";
  curve.reference = CurvePoint{1.0, 1.0, {}, "plain"};
  for (const DetoxTrial& trial : outcome.trials) {  // in the order of contrasts
    const double contrast = trial.strengths.contrast;
    const std::string name = contrast > 0.0 ? concat("DeStein beside a contrast of ", contrast) : "DeStein";
    if (curve.series.empty() || curve.series.back().name != name) curve.series.push_back({name, {}});
    const bool is_chosen = trial.strengths == outcome.strengths;
    curve.series.back().points.push_back(
        {trial.ppl, trial.emt(), {}, concat(trial.strengths.steering, is_chosen ? " (chosen)" : "")});
  }
  return curve;
}

std::string how_it_was_made(const DetoxPlan& plan, const DetoxOutcome& outcome) {
  const Json& opens = outcome.gate.at("kinds").at("context").at("opens_on");
  const auto share = [&](const char* key) { return concat(std::lround(100.0 * opens.at(key).get<double>()), " %"); };
  const DetoxStrengths& chosen = outcome.strengths;
  std::string text = concat("Steering directions from pairs of sentences (DeStein) at strength ", chosen.steering);
  if (chosen.contrast > 0.0)
    text += concat(", beside the contrast of two calibrators, trained on ", thousands(outcome.own_texts),
                   " texts that the model wrote, at ", chosen.contrast);
  if (plan.thorough && chosen.contrast == 0.0) text += ", without the contrast that was tried beside them";
  if (!plan.with.empty())
    text += concat(", beside ", join(plan.with, " and ", [](const std::string& spec) { return spec; }));
  return concat(
      text,
      ", behind a gate that reads the model's own state. On texts that its probe had not seen, the gate opens "
      "on ",
      share("everyday"), " of everyday answers, ", share("ordinary"), " of ordinary web text, ",
      share("ordinary_that_became_toxic"), " of ordinary web text that became toxic and ",
      share("toxic_that_became_toxic"),
      " of toxic openings whose continuation became toxic. Strengths were compared on other prompts: the worst of "
      "samples behind toxic and ordinary ones, and perplexity, relative to plain; over: more than the budget.");
}

std::string verdict(const DetoxPlan& plan, const DetoxOutcome& outcome) {
  const MetricsReport &before = outcome.toxic[0].reports[0], &after = outcome.toxic[1].reports[0];
  std::string missed;
  for (const std::string& budget : missed_budgets(plan, outcome))
    missed += concat(" A budget was missed: ", budget, ".");
  if (!outcome.helps)
    return concat(
        "This could not help: on toxic prompts the worst of ten continuations is no less toxic than plain's, "
        "beyond what chance does (",
        format_number(before.toxicity.emt.value, 3, false), " before, ",
        format_number(after.toxicity.emt.value, 3, false), " after). The file is written all the same.", missed);
  const Share& identical = outcome.toxic[1].ordinary->against_plain->identical;
  return concat("On toxic prompts the worst of ten continuations is ",
                std::lround(100.0 * (1.0 - after.toxicity.emt.value / before.toxicity.emt.value)), " % less toxic; ",
                identical.count, " of ", identical.of, " everyday answers stay the same, token for token.", missed);
}

/// Returns what plain and the detoxifier wrote with the same random numbers, where plain's samples scored highest.
std::string toxic_examples(const std::vector<SettingResult>& results) {
  struct Example {
    double toxicity;
    size_t row, sample;
  };
  std::vector<Example> worst;
  for (size_t r = 0; r < results[0].rows.size(); ++r) {
    Example example{-1.0, r, 0};
    const auto& samples = results[0].rows[r].generations;
    for (size_t s = 0; s < samples.size(); ++s)
      if (samples[s].toxicity.value_or(0.0) > example.toxicity) example = {samples[s].toxicity.value_or(0.0), r, s};
    worst.push_back(example);
  }
  std::ranges::stable_sort(worst, std::greater(), &Example::toxicity);
  const WordMask mask;
  std::string html;
  for (size_t i = 0; i < std::min(kExamples, worst.size()); ++i) {
    std::vector<page::Pane> panes;
    for (const SettingResult& result : results) {
      const Continuation& text = result.rows[worst[i].row].generations[worst[i].sample];
      panes.push_back({concat(result.setting.name, ", scored ", format_number(text.toxicity.value_or(0.0), 2, false)),
                       mask.mask(text.text)});
    }
    html += page::side_by_side(mask.mask(results[0].rows[worst[i].row].prompt), panes);
  }
  return html;
}

/// Returns everyday answers: those that differ first.
std::string everyday_examples(const std::vector<SettingResult>& results) {
  const auto& plain = results[0].ordinary->rows;
  const auto& detoxified = results[1].ordinary->rows;
  std::vector<size_t> order;
  for (size_t r = 0; r < plain.size(); ++r) order.push_back(r);
  std::ranges::stable_partition(
      order, [&](size_t r) { return plain[r].generations[0].ids != detoxified[r].generations[0].ids; });
  const WordMask mask;
  std::string html;
  for (size_t i = 0; i < std::min(kExamples, order.size()); ++i) {
    const size_t r = order[i];
    const bool same = plain[r].generations[0].ids == detoxified[r].generations[0].ids;
    std::vector<page::Pane> panes = {{same ? "both" : "plain", mask.mask(plain[r].generations[0].text)}};
    if (!same) panes.push_back({"detoxified", mask.mask(detoxified[r].generations[0].text)});
    html += page::side_by_side(mask.mask(plain[r].prompt), panes);
  }
  return html;
}

}  // namespace

std::string detox_markdown(const DetoxOutcome& outcome) {
  return concat(toxicity_table(outcome).to_markdown(), "\n", answers_table(outcome).to_markdown());
}

std::string detox_page(const DetoxPlan& plan, const DetoxOutcome& outcome) {
  std::string body = page::heading(1, concat(plan.output.filename().string(), " for ", plan.model_name));
  body += page::paragraph(verdict(plan, outcome));
  body += page::heading(2, "Toxicity, before and after");
  body += page::table(toxicity_table(outcome));
  body +=
      page::paragraph(concat(outcome.toxic[0].rows.size(), " and ", outcome.ordinary_web[0].rows.size(),
                             " openings of web sentences that nothing was chosen by, ten continuations of 20 tokens "
                             "each, the same random numbers "
                             "before and after; toxicity from 0 to 1 by ",
                             plan.scorer->name(), ", 95 % intervals over prompts; perplexity under the model itself."));
  body += page::heading(2, "Everyday answers, before and after");
  body += page::table(answers_table(outcome));
  body += page::paragraph(kOrdinaryTableNote);
  body += page::heading(2, "What was written");
  body += page::paragraph(
      "The continuations of toxic openings that scored highest, and what stands in their place. Offensive words are "
      "masked.");
  body += toxic_examples(outcome.toxic);
  body += page::heading(2, "Everyday answers side by side");
  body += everyday_examples(outcome.toxic);
  body += page::heading(2, "How it was made");
  body += page::paragraph(how_it_was_made(plan, outcome));
  body += page::table(trials_table(plan, outcome));
  body +=
      page::figure(curve_svg(trials_curve(outcome)),
                   "Lower is milder, further right costs more: toxicity is the mean of both kinds of prompts; numbers "
                   "are strengths of the steering.");
  body += page::paragraph(concat("Use it: limpid generate -m ", plan.model_name, " --detox ", plan.output.string(),
                                 " -p \"…\". Strength :1 is as tuned, :0 off."));
  return page::document(concat("limpid detox: ", plan.output.filename().string()), body);
}

}  // namespace limpid
