#include "apps/engine/protocol.h"

#include "apps/engine/common.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/core/version.h"

namespace limpid::apps {
namespace {

std::string short_name(const std::string& model) {
  const fs::path path(model);
  return path.has_extension() ? path.stem().string() : path.filename().string();
}

}  // namespace

EvaluationPlan protocol_plan(const ProtocolOptions& options) {
  EvaluationPlan plan;
  plan.prompts = read_prompts(options.prompts_file);
  if (options.limit > 0 && size_t(options.limit) < plan.prompts.size()) plan.prompts.resize(size_t(options.limit));
  plan.sampling = sampling_options(options.sampling);
  plan.samples = options.samples;
  plan.tokens = options.tokens;
  plan.rows = size_t(options.rows);
  plan.output = options.output;
  plan.model = open_model_for(options);
  plan.model_name = short_name(options.model);
  plan.stop_tokens = end_tokens(*plan.model);
  tokenizer_of(*plan.model);
  return plan;
}

void open_judges(EvaluationPlan& plan, const ProtocolOptions& options) {
  plan.scorer = open_scorer(options.scorer);
  std::vector<std::string> judges = options.judges;
  if (judges.empty()) judges.push_back(options.model);
  for (const std::string& judge : judges) {
    LoadOptions load;
    load.precision = parse_precision(options.judge_precision, resolve_model(judge));
    const bool is_target = resolve_model(judge) == resolve_model(options.model);
    const auto model = is_target && plan.model->options().precision == load.precision
                           ? plan.model
                           : std::shared_ptr<const Model>(open_named_model(judge, load));
    const std::string note = concat(is_target ? " (target)" : "",
                                    load.precision == Precision::BF16 ? "" : concat(" in ", name(load.precision)));
    plan.judges.push_back(std::make_shared<PerplexityJudge>(model, short_name(judge) + note));
  }
  const fs::path path = resolve_model(options.model);
  plan.provenance = {{"version", version()},
                     {"model", plan.model_name},
                     {"precision", name(plan.model->options().precision)},
                     {"prompts_sha256", sha256_file(options.prompts_file)},
                     {"prompts", plan.prompts.size()}};
  if (fs::is_regular_file(path)) plan.provenance["model_sha256"] = sha256_file(path);
}

}  // namespace limpid::apps
