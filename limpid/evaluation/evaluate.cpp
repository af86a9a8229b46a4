#include "limpid/evaluation/evaluate.h"

#include <chrono>
#include <cmath>

#include "limpid/core/folder_lock.h"
#include "limpid/core/watch.h"
#include "limpid/decoding/prompts.h"
#include "limpid/decoding/sampling_json.h"
#include "limpid/evaluation/rows.h"
#include "limpid/metrics/plots/toxicity_curve.h"

namespace limpid {
namespace {

Json settings_json(const EvaluationPlan& plan, const EvaluationSetting& setting) {
  Json judges = Json::array();
  for (const auto& judge : plan.judges) judges.push_back(judge->name());
  return {{"provenance", plan.provenance},
          {"setting", setting.identity()},
          {"sampling", to_json(plan.sampling)},
          {"samples", plan.samples},
          {"tokens", plan.tokens},
          {"scorer", plan.scorer ? plan.scorer->describe() : Json()},
          {"judges", judges}};
}

/// Scores and judges the samples of one prompt and puts them into a row of the journal. What an error ended has no
/// score.
GenerationRow finished_row(const EvaluationPlan& plan, size_t index, const std::vector<Completion>& samples) {
  GenerationRow row = row_of(index, plan.prompts[index].text, samples);
  std::vector<std::string> texts;
  for (const Completion& sample : samples) texts.push_back(sample.text);
  const std::vector<double> scores = plan.scorer ? plan.scorer->score(texts) : std::vector<double>();
  for (size_t i = 0; i < scores.size(); ++i)
    if (std::isfinite(scores[i]) && samples[i].finish_reason != FinishReason::Error)
      row.generations[i].toxicity = scores[i];
  judge_row(plan.judges, row, row.prompt);
  return row;
}

RowsPlan protocol_rows(const EvaluationPlan& plan) {
  RowsPlan rows{plan.model, plan.prompts.size(), "prompts", plan.samples, plan.rows, {}, {}};
  rows.request = [&plan](size_t p) {
    Request request;
    request.prompt_ids = prompt_ids(*plan.model->tokenizer(), plan.prompts[p].text);
    request.sampling = plan.sampling;
    request.stop.max_new_tokens = plan.tokens;
    request.stop.stop_tokens = plan.stop_tokens;
    return request;
  };
  rows.finish = [&plan](size_t p, const std::vector<Completion>& samples) { return finished_row(plan, p, samples); };
  return rows;
}

/// Runs the RealToxicityPrompts protocol for one setting. @param plain  null for plain itself
void run_protocol(const EvaluationPlan& plan, const SettingResult* plain, SettingResult& result, Watch& watch) {
  const EvaluationSetting& setting = result.setting;
  const fs::path folder = plan.output / setting.name;
  WrittenRows written = write_rows(protocol_rows(plan), setting, {folder / "generations.jsonl", folder / "speed.json"},
                                   settings_json(plan, setting), watch);
  result.rows = std::move(written.rows);
  result.mean_kl = written.mean_kl;
  result.tokens_per_second = written.tokens_per_second;
  if (setting.acts() && result.mean_kl == 0.0) watch.warning(setting.name + ": the detoxifier had no effect");

  ToxicityOptions toxicity;
  if (plan.scorer) toxicity.threshold = plan.scorer->threshold();
  const auto judged = judgements(result.rows), judged_plain = plain ? judgements(plain->rows) : judged;
  const auto add_report = [&](const std::vector<JudgedContinuation>& own,
                              const std::vector<JudgedContinuation>& other) {
    result.reports.push_back(compute_metrics(result.rows, toxicity, own));
    if (plain) result.against_plain.push_back(compare_runs({plain->rows, other}, {result.rows, own}, toxicity));
  };
  for (const auto& judge : plan.judges) add_report(judged.at(judge->name()), judged_plain.at(judge->name()));
  if (plan.judges.empty()) add_report({}, {});
}

void write_report(const EvaluationPlan& plan, const std::vector<SettingResult>& results) {
  const Json report = report_json(plan, results);
  write_file(plan.output / "report.json", to_text(report, 1) + "\n");
  write_file(plan.output / "report.md", report_markdown(plan, results));
  if (results.size() > 2 && !plan.prompts.empty())
    write_file(plan.output / "curve.svg",
               curve_svg(toxicity_curve(std::vector{EvaluationReport{"report.json", report}})));
}

}  // namespace

std::vector<SettingResult> evaluate(const EvaluationPlan& plan, Watch& watch) {
  LIMPID_CHECK(!plan.settings.empty() && plan.settings[0].is_plain(), ConfigError,
               "an evaluation begins with the plain model");
  LIMPID_CHECK(!plan.prompts.empty() || !plan.ordinary.prompts.empty() || !plan.choices.questions.empty(), ConfigError,
               "an evaluation of no prompts");
  check_rows(protocol_rows(plan), plan.prompts);
  check_ordinary(plan);
  const FolderLock alone(plan.output);
  std::vector<SettingResult> results;
  for (const EvaluationSetting& setting : plan.settings) {
    fs::create_directories(plan.output / setting.name);
    SettingResult result;
    result.setting = setting;
    const SettingResult* plain = setting.is_plain() ? nullptr : &results[0];
    if (!plan.prompts.empty()) run_protocol(plan, plain, result, watch);
    if (!plan.ordinary.prompts.empty())
      result.ordinary = answer_ordinary(plan, setting, plain ? &*plain->ordinary : nullptr, watch);
    if (!plan.choices.questions.empty()) result.choices = answer_choices(plan, setting, watch);
    results.push_back(std::move(result));
    write_report(plan, results);
  }
  return results;
}

namespace {

size_t failed_samples(const std::vector<GenerationRow>& rows) {
  size_t failed = 0;
  for (const GenerationRow& row : rows)
    for (const Continuation& sample : row.generations) failed += sample.finish_reason == name(FinishReason::Error);
  return failed;
}

}  // namespace

bool is_complete(const EvaluationPlan& plan, const SettingResult& result, Watch& watch) {
  bool complete = true;
  const auto tell = [&](const std::string& what, bool fails) {
    watch.warning(concat(result.setting.name, ": ", what));
    complete = complete && !fails;
  };
  if (const size_t failed = failed_samples(result.rows)) tell(concat("samples ended with an error: ", failed), true);
  if (const size_t failed = result.ordinary ? failed_samples(result.ordinary->rows) : 0)
    tell(concat("ordinary answers ended with an error: ", failed), true);
  if (!plan.scorer || result.reports.empty()) return complete;
  const MetricsReport& report = result.reports[0];
  if (const size_t missing = report.toxicity.missing_scores)
    tell(concat("scores missing and left out: ", missing, " of ", report.continuations),
         double(missing) > kMostMissingScores * double(report.continuations));
  return complete;
}

uint64_t most_tokens(const EvaluationPlan& plan) {
  return plan.settings.size() * (plan.prompts.size() * uint64_t(plan.samples) * uint64_t(plan.tokens) +
                                 plan.ordinary.prompts.size() * uint64_t(plan.ordinary.tokens));
}

double estimated_seconds(const EvaluationPlan& plan) {
  if (most_tokens(plan) == 0) return 0.0;
  const PromptRow& prompt = plan.prompts.empty() ? plan.ordinary.prompts.at(0) : plan.prompts[0];
  Generator generator(plan.model, {}, {.max_rows = size_t(plan.rows)});
  for (size_t row = 0; row < size_t(plan.rows); ++row) {
    Request request;
    request.sample = row;
    request.prompt_ids = prompt_ids(*plan.model->tokenizer(), prompt.text);
    request.stop.max_new_tokens = 6;
    generator.submit(request);
  }
  const auto start = std::chrono::steady_clock::now();
  generator.run([](const Completion& completion) { completion.check(); });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return double(most_tokens(plan)) * seconds / double(generator.tokens_generated());
}

}  // namespace limpid
