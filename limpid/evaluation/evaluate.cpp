#include "limpid/evaluation/evaluate.h"

#include <chrono>
#include <cmath>

#include "limpid/core/watch.h"
#include "limpid/data/journal.h"
#include "limpid/decoding/kl_probe.h"
#include "limpid/decoding/prompts.h"
#include "limpid/metrics/plots/toxicity_curve.h"

namespace limpid {
namespace {

constexpr uint64_t kKlTokens = 1000;

Json settings_json(const EvaluationPlan& plan, const EvaluationSetting& setting) {
  Json judges = Json::array();
  for (const auto& judge : plan.judges) judges.push_back(judge->name());
  return {{"provenance", plan.provenance},
          {"detoxifier", setting.detoxifier_names()},
          {"strength", setting.strengths_json()},
          {"sampling",
           {{"temperature", plan.sampling.temperature},
            {"top_k", plan.sampling.top_k},
            {"top_p", plan.sampling.top_p},
            {"min_p", plan.sampling.min_p},
            {"typical_p", plan.sampling.typical_p},
            {"greedy", plan.sampling.is_greedy()},
            {"repetition_penalty", plan.sampling.repetition_penalty},
            {"seed", plan.sampling.seed}}},
          {"samples", plan.samples},
          {"tokens", plan.tokens},
          {"scorer", plan.scorer ? plan.scorer->describe() : Json()},
          {"judges", judges}};
}

/// Scores and judges the samples of one prompt and puts them into a row of the journal.
GenerationRow finished_row(const EvaluationPlan& plan, size_t index, std::vector<Completion> samples) {
  GenerationRow row;
  row.index = index;
  row.prompt = plan.prompts[index].text;
  std::vector<std::string> texts;
  for (const Completion& sample : samples) texts.push_back(sample.text);
  const std::vector<double> scores = plan.scorer ? plan.scorer->score(texts) : std::vector<double>();
  for (size_t i = 0; i < samples.size(); ++i) {
    Continuation generation;
    generation.text = texts[i];
    generation.ids = samples[i].ids;
    generation.finish_reason = name(samples[i].finish_reason);
    if (!scores.empty() && std::isfinite(scores[i])) generation.toxicity = scores[i];
    row.generations.push_back(std::move(generation));
  }
  for (const auto& judge : plan.judges) {
    const auto judged = judge->judge(index, row.prompt, texts);
    for (size_t i = 0; i < judged.size(); ++i) row.generations[i].fields["judged"][judge->name()] = to_json(judged[i]);
  }
  return row;
}

struct Work {
  double seconds = 0.0;
  uint64_t tokens = 0;
};

/// Decodes the prompts of one setting that the journal does not have yet.
Work run_setting(const EvaluationPlan& plan, const EvaluationSetting& setting, GenerationJournal& journal, KlTotal& kl,
                 Watch& watch) {
  if (journal.size() == plan.prompts.size()) return {};
  std::vector<std::unique_ptr<Session>> sessions = setting.open(*plan.model);
  std::vector<float> strengths = setting.strengths();
  if (!setting.is_plain()) add_kl_probe(*plan.model, kl, sessions, strengths);
  GeneratorOptions options;
  options.max_rows = size_t(plan.rows);
  Generator generator(plan.model, std::move(sessions), options);
  std::vector<std::vector<Completion>> pending(plan.prompts.size());
  for (size_t p = 0; p < plan.prompts.size(); ++p) {
    if (journal.has(p)) continue;
    Request request;
    request.prompt = p;
    request.prompt_ids = prompt_ids(*plan.model->tokenizer(), plan.prompts[p].text);
    request.sampling = plan.sampling;
    request.stop.max_new_tokens = plan.tokens;
    request.stop.stop_tokens = plan.stop_tokens;
    request.strengths = strengths;
    for (int64_t s = 0; s < plan.samples; ++s) {
      request.sample = uint64_t(s);
      generator.submit(request);
    }
  }
  Work work;
  Progress progress(watch, setting.name, plan.prompts.size(), "prompts");
  progress.update(journal.size());
  std::vector<size_t> ready;
  bool more = true;
  while (more) {
    watch.throw_if_stopped();
    const auto start = std::chrono::steady_clock::now();
    more = generator.step([&](Completion completion) {
      completion.check();
      auto& samples = pending[completion.prompt];
      samples.push_back(std::move(completion));
      if (int64_t(samples.size()) == plan.samples) ready.push_back(size_t(samples[0].prompt));
    });
    work.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (size_t p : ready) {
      std::sort(pending[p].begin(), pending[p].end(),
                [](const Completion& a, const Completion& b) { return a.sample < b.sample; });
      journal.append(finished_row(plan, p, std::move(pending[p])));
      progress.update(journal.size());
    }
    ready.clear();
  }
  work.tokens = generator.tokens_generated();
  progress.finish();
  return work;
}

std::vector<JudgedContinuation> judgements(const std::vector<GenerationRow>& rows, const std::string& judge) {
  std::vector<JudgedContinuation> judged;
  for (size_t r = 0; r < rows.size(); ++r)
    for (const Continuation& generation : rows[r].generations)
      judged.push_back(judged_from_json(generation.fields.at("judged").at(judge), r, "generations.jsonl"));
  return judged;
}

}  // namespace

std::vector<SettingResult> evaluate(const EvaluationPlan& plan, Watch& watch) {
  LIMPID_CHECK(!plan.settings.empty() && plan.settings[0].is_plain(), ConfigError,
               "an evaluation begins with the plain model");
  std::vector<SettingResult> results;
  for (const EvaluationSetting& setting : plan.settings) {
    const fs::path folder = plan.output / setting.name;
    fs::create_directories(folder);
    GenerationJournal journal(folder / "generations.jsonl", settings_json(plan, setting));
    KlTotal kl{0.0, 0, kKlTokens};
    const Work work = run_setting(plan, setting, journal, kl, watch);
    journal.sort_by_index();
    SettingResult result;
    result.setting = setting;
    result.rows = journal.rows();
    result.tokens_per_second = work.seconds > 0.0 ? double(work.tokens) / work.seconds : 0.0;
    // The KL is measured while decoding, so a resumed run finds it in a file beside the generations.
    const fs::path kl_file = folder / "kl.json";
    if (kl.tokens > 0)
      write_file(kl_file,
                 to_text(Json{
                     {"mean_kl", kl.mean()}, {"tokens", kl.tokens}, {"tokens_per_second", result.tokens_per_second}}));
    if (fs::exists(kl_file)) {
      const Json stored = read_json(kl_file);
      result.mean_kl = get_or<double>(stored, "mean_kl", 0.0, kl_file.string());
      if (result.tokens_per_second == 0.0)
        result.tokens_per_second = get_or<double>(stored, "tokens_per_second", 0.0, kl_file.string());
    }
    if (setting.acts() && result.mean_kl == 0.0) watch.warning(setting.name + ": the detoxifier had no effect");

    ToxicityOptions toxicity;
    if (plan.scorer) toxicity.threshold = plan.scorer->threshold();
    std::vector<std::vector<JudgedContinuation>> judged;
    for (const auto& judge : plan.judges) judged.push_back(judgements(result.rows, judge->name()));
    if (judged.empty()) judged.emplace_back();
    for (const auto& judgement : judged) result.reports.push_back(compute_metrics(result.rows, toxicity, judgement));
    if (!setting.is_plain()) {
      for (size_t j = 0; j < judged.size(); ++j) {
        const auto plain = plan.judges.empty() ? std::vector<JudgedContinuation>()
                                               : judgements(results[0].rows, plan.judges[j]->name());
        result.against_plain.push_back(compare_runs({results[0].rows, plain}, {result.rows, judged[j]}, toxicity));
      }
    }
    results.push_back(std::move(result));
    const Json report = report_json(plan, results);
    write_file(plan.output / "report.json", to_text(report, 1) + "\n");
    write_file(plan.output / "report.md", report_markdown(plan, results));
    if (results.size() > 2)
      write_file(plan.output / "curve.svg",
                 curve_svg(toxicity_curve(std::vector{EvaluationReport{"report.json", report}})));
  }
  return results;
}

double estimated_seconds(const EvaluationPlan& plan) {
  Generator generator(plan.model, {}, {.max_rows = size_t(plan.rows)});
  for (size_t row = 0; row < size_t(plan.rows); ++row) {
    Request request;
    request.sample = row;
    request.prompt_ids = prompt_ids(*plan.model->tokenizer(), plan.prompts[0].text);
    request.stop.max_new_tokens = 6;
    generator.submit(request);
  }
  const auto start = std::chrono::steady_clock::now();
  generator.run([](const Completion& completion) { completion.check(); });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const double tokens = double(plan.settings.size() * plan.prompts.size()) * double(plan.samples * plan.tokens);
  return tokens * seconds / double(generator.tokens_generated());
}

}  // namespace limpid
