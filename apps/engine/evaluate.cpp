#include "apps/commands/evaluate.h"

#include <algorithm>
#include <iostream>

#include "apps/engine/common.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/core/version.h"
#include "limpid/data/named_data.h"
#include "limpid/data/unfinished_output.h"
#include "limpid/evaluation/evaluate.h"
#include "limpid/evaluation/tune_detoxifier.h"
#include "limpid/methods/registry.h"

namespace limpid::apps {
namespace {

std::string short_name(const std::string& model) {
  const fs::path path(model);
  return path.has_extension() ? path.stem().string() : path.filename().string();
}

/// Makes a plan with prompts, sampling and the model; no settings, scorer or judges yet.
EvaluationPlan protocol_plan(const ProtocolOptions& options) {
  EvaluationPlan plan;
  static_cast<EvaluationOptions&>(plan) = options.evaluation;
  if (!options.prompts_file.empty()) plan.prompts = read_prompts(options.prompts_file);
  if (options.limit > 0 && size_t(options.limit) < plan.prompts.size()) plan.prompts.resize(size_t(options.limit));
  if (!options.ordinary.prompts.empty()) plan.ordinary = read_ordinary_plan(options.ordinary);
  plan.sampling.check();
  plan.model = open_model_for(options);
  plan.model_name = short_name(options.model);
  plan.stop_tokens = end_tokens(*plan.model);
  tokenizer_of(*plan.model);
  return plan;
}

/// Opens scorer and judges (the target itself when none is named), and notes what the files are stamped with.
void open_judges(EvaluationPlan& plan, const ProtocolOptions& options) {
  if (!plan.prompts.empty()) plan.scorer = open_scorer(options.scorer);
  std::vector<std::string> judges = options.judges;
  if (judges.empty()) judges.push_back(options.model);
  for (const std::string& judge : judges) {
    InferenceOptions load;
    load.precision = precision_for(options.judge_precision, resolve_model(judge));
    const bool is_target = resolve_model(judge) == resolve_model(options.model);
    const bool is_same = plan.model->precision() == load.precision && plan.model->kv_cache() == load.kv_cache;
    const auto model = is_target && is_same ? plan.model : std::shared_ptr<const Model>(open_named_model(judge, load));
    const std::string note = concat(is_target ? " (target)" : "",
                                    load.precision == Precision::BF16 ? "" : concat(" in ", name(load.precision)));
    plan.judges.push_back(std::make_shared<PerplexityJudge>(model, short_name(judge) + note));
  }
  const fs::path path = resolve_model(options.model);
  Json common = {{"version", version()}, {"model", plan.model_name}, {"precision", name(plan.model->precision())}};
  note_kv_cache(*plan.model, common);
  common[fs::is_directory(path) ? "model_files" : "model_sha256"] = content_stamp(path);
  if (!options.ignored_settings.empty()) common["ignored_settings"] = options.ignored_settings;
  plan.provenance = common;
  if (!plan.prompts.empty()) {
    plan.provenance["prompts_sha256"] = sha256_file(resolve_data(options.prompts_file));
    plan.provenance["prompts"] = plan.prompts.size();
  }
  plan.ordinary.provenance.update(common);
}

std::vector<EvaluationSetting> settings_of(const EvaluateCommand& options) {
  std::vector<EvaluationSetting> settings = {{{}, "plain"}};
  for (const std::string& text : options.detox) {
    for (EvaluationSetting& setting : parse_settings(text, options.strengths)) {
      const bool fresh = std::none_of(settings.begin(), settings.end(),
                                      [&](const EvaluationSetting& other) { return other.name == setting.name; });
      LIMPID_CHECK(fresh, ConfigError, "two settings are called \"", setting.name,
                   "\"; name each file, its options and strength once");
      settings.push_back(std::move(setting));
    }
  }
  const bool took_strengths = std::any_of(options.detox.begin(), options.detox.end(), takes_strengths);
  LIMPID_CHECK(options.strengths.empty() || options.detox.empty() || took_strengths, ConfigError, "--strengths ",
               join(options.strengths, ","),
               " does nothing: every --detox says its own strength; leave "
               "one of the two out");
  return settings;
}

void print_dry_run(const EvaluationPlan& plan) {
  std::vector<std::string> parts;
  if (!plan.prompts.empty())
    parts.push_back(concat(plan.prompts.size(), " prompts x ", plan.samples, " samples x ", plan.tokens, " tokens"));
  if (!plan.ordinary.prompts.empty())
    parts.push_back(concat(plan.ordinary.prompts.size(), " everyday prompts x ", plan.ordinary.tokens, " tokens"));
  std::cout << plan.settings.size() << " settings x " << join(parts, " + ") << " = " << thousands(most_tokens(plan))
            << " tokens, about " << human_duration(estimated_seconds(plan)) << " of decoding\n";
  for (const EvaluationSetting& setting : plan.settings) std::cout << "  " << setting.name << '\n';
}

}  // namespace

int run(const EvaluateCommand& options) {
  LIMPID_CHECK(
      !options.prompts_file.empty() || !options.ordinary.prompts.empty() || !options.questions.empty(), ConfigError,
      "[evaluate] nothing to measure: give --prompts FILE (toxicity), --ordinary, --multiple-choice FILE, or several");
  std::vector<EvaluationSetting> settings = settings_of(options);
  EvaluationPlan plan = protocol_plan(options);
  plan.settings = std::move(settings);
  if (!options.questions.empty()) plan.choices.questions = read_choice_questions(options.questions);
  for (const EvaluationSetting& setting : plan.settings)
    for (const AppliedDetoxifier& applied : setting.detoxifiers)
      applied.detoxifier->open(*plan.model);  // refused now rather than after an hour
  if (options.dry_run) {
    print_dry_run(plan);
    return 0;
  }
  open_judges(plan, options);
  if (!options.questions.empty()) {
    plan.choices.provenance = plan.provenance;
    plan.choices.provenance.update(
        {{"prompts_sha256", sha256_file(options.questions)}, {"prompts", plan.choices.questions.size()}});
  }
  const auto results = evaluate(plan, terminal());
  std::cout << (options.json ? to_text(report_json(plan, results), 1) + "\n" : report_markdown(plan, results));
  if (options.examples > 0 && !options.json && !plan.prompts.empty())
    std::cout << '\n' << examples_markdown(plan, results, size_t(options.examples));
  size_t incomplete = 0;
  for (const SettingResult& result : results) incomplete += !is_complete(plan, result, terminal());
  return incomplete > 0 ? 1 : 0;
}

int run(const TuneCommand& options) {
  LIMPID_CHECK(options.budget.empty() != options.aim.empty(), ConfigError,
               "[tune] give one of --budget ppl=1.05 and --aim emt=0.67");
  const TuneTarget target = options.aim.empty() ? TuneTarget::budget(options.budget) : TuneTarget::aim(options.aim);
  const DetoxSpec spec = DetoxSpec::parse(options.detox);
  TuneOptions search = options.search;
  if (options.largest > 0.0) search.largest = options.largest;
  const auto detoxifier = open_detoxifier(spec);
  if (!options.write.empty()) check_tuned_output(options.write, spec);

  ProtocolOptions protocol = options;
  if (options.ordinary_budget && protocol.ordinary.prompts.empty()) protocol.ordinary.prompts = kOrdinaryPrompts;
  EvaluationPlan plan = protocol_plan(protocol);
  detoxifier->open(*plan.model);  // refused now rather than after the plain run
  open_judges(plan, protocol);
  // The strengths of another file of the same name are no part of this curve.
  for (const fs::path& file : files_of(spec)) plan.provenance["detoxifier"].push_back(content_stamp(file));
  if (plan.provenance.contains("detoxifier")) plan.ordinary.provenance["detoxifier"] = plan.provenance["detoxifier"];
  const TuneOutcome outcome =
      tune_detoxifier(std::move(plan), spec, target, search, terminal(), options.ordinary_budget);
  std::cout << (options.json ? to_text(outcome.json, 1) + "\n" : outcome.markdown);
  LIMPID_CHECK(outcome.result.strength, ConfigError, "[tune] no strength measured has ", outcome.wanted, ": ",
               outcome.failure);
  if (!options.json) std::cout << "\nstrength " << *outcome.result.strength << " has " << outcome.wanted << '\n';
  if (!outcome.result.monotone)
    terminal().warning(concat("the ratio does not move one way with the strength; ", *outcome.result.strength,
                              " is the ", target.kind == TuneTarget::Kind::Budget ? "largest" : "smallest",
                              " measured that meets the target"));
  if (!options.write.empty()) {
    const std::string others = write_tuned(options.write, spec, *outcome.result.strength, outcome.json);
    if (!others.empty())
      terminal().warning(concat(options.write.string(), ": its strength was found with ?", others,
                                ", which a file does not hold; give it again"));
  }
  return 0;
}

}  // namespace limpid::apps
