#include "limpid/evaluation/evaluate.h"

#include <iostream>

#include "apps/engine/commands.h"
#include "apps/engine/common.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/core/log.h"
#include "limpid/methods/detoxifier_file.h"

namespace limpid::apps {
namespace {

std::string short_name(const std::string& model) {
  const fs::path path(model);
  return path.has_extension() ? path.stem().string() : path.filename().string();
}

/// "smollm2-demo-norm-0.5": the file, which is what tells two fits apart, how it is read, and the strength.
std::string setting_name(const DetoxSpec& spec, const Detoxifier& detoxifier, float strength) {
  char number[32];
  std::snprintf(number, sizeof number, "%g", double(strength));
  std::string file = fs::path(spec.file).filename().string();
  if (const size_t end = file.find(".detox.safetensors"); end != std::string::npos) file.resize(end);
  const std::string how = detoxifier.name().substr(detoxifier.name().find('/') + 1);
  std::string name = spec.file.starts_with("control:") ? concat("control-", how, "-", number) : concat(file, "-", how, "-", number);
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-' && c != '+') c = '-';
  return name;
}

}  // namespace

int run_evaluate(const EvaluateOptions& options) {
  EvaluationPlan plan;
  plan.prompts = read_prompts(options.prompts_file);
  if (options.limit > 0 && size_t(options.limit) < plan.prompts.size()) plan.prompts.resize(size_t(options.limit));
  plan.settings.push_back({"plain", nullptr, 0.0f});
  for (const std::string& text : options.detox) {
    const DetoxSpec spec = DetoxSpec::parse(text);
    const auto detoxifier = open_detoxifier(spec);
    std::vector<float> strengths;
    if (spec.strength) strengths = {*spec.strength};
    else for (double strength : options.strengths) strengths.push_back(float(strength));
    if (strengths.empty()) strengths = {detoxifier->default_strength()};
    for (float strength : strengths) {
      std::string name = setting_name(spec, *detoxifier, strength);
      for (const EvaluationSetting& other : plan.settings)
        LIMPID_CHECK(other.name != name, ConfigError, "two settings are called \"", name, "\"; name each file, read-out and strength once");
      plan.settings.push_back({name, detoxifier, strength});
    }
  }
  plan.sampling = sampling_options(options.sampling);
  plan.samples = options.samples;
  plan.tokens = options.tokens;
  plan.rows = size_t(options.rows);
  plan.output = options.output;
  plan.model = open_model_for(options);
  plan.model_name = short_name(options.model);
  plan.stop_tokens = end_tokens(*plan.model);
  tokenizer_of(*plan.model);
  for (const EvaluationSetting& setting : plan.settings)
    if (setting.detoxifier) setting.detoxifier->open(*plan.model);   // refused now rather than after an hour
  if (options.dry_run) {
    const uint64_t tokens = plan.settings.size() * plan.prompts.size() * uint64_t(plan.samples * plan.tokens);
    std::cout << plan.settings.size() << " settings x " << plan.prompts.size() << " prompts x " << plan.samples << " samples x " << plan.tokens
              << " tokens = " << thousands(tokens) << " tokens, about " << human_duration(estimated_seconds(plan)) << " of decoding\n";
    return 0;
  }
  plan.scorer = open_scorer(options.scorer);
  std::vector<std::string> judges = options.judges;
  if (judges.empty()) judges.push_back(options.model);
  for (const std::string& judge : judges) {
    LoadOptions load;
    load.precision = parse_precision(options.judge_precision, resolve_model(judge));
    const bool is_target = resolve_model(judge) == resolve_model(options.model);
    const auto model = is_target && plan.model->options().precision == load.precision ? std::shared_ptr<const Model>(plan.model) : open_named_model(judge, load);
    const std::string note = concat(is_target ? " (target)" : "", load.precision == Precision::BF16 ? "" : concat(" in ", name(load.precision)));
    plan.judges.push_back(std::make_shared<PerplexityJudge>(model, short_name(judge) + note));
  }
  const fs::path path = resolve_model(options.model);
  plan.provenance = {{"version", LIMPID_VERSION}, {"model", plan.model_name}, {"precision", name(plan.model->options().precision)},
                     {"prompts_sha256", sha256_file(options.prompts_file)}, {"prompts", plan.prompts.size()}};
  if (fs::is_regular_file(path)) plan.provenance["model_sha256"] = sha256_file(path);
  const auto results = evaluate(plan);
  std::cout << (options.json ? to_text(report_json(plan, results), 1) + "\n" : report_markdown(plan, results));
  if (options.examples > 0 && !options.json) std::cout << '\n' << examples_markdown(plan, results, size_t(options.examples));
  return 0;
}

}  // namespace limpid::apps
