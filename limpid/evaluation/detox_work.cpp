#include "limpid/evaluation/detox_work.h"

#include "limpid/core/version.h"
#include "limpid/decoding/prompts.h"

namespace limpid {

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

}  // namespace limpid
