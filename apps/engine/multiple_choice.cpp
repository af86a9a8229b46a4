#include "limpid/evaluation/multiple_choice.h"

#include <iostream>

#include "apps/commands/evaluate.h"
#include "apps/engine/common.h"
#include "limpid/metrics/table.h"

namespace limpid::apps {
namespace {

void write_rows(const std::string& file, const std::vector<ChoiceQuestion>& questions,
                const std::vector<std::vector<double>>& likelihoods) {
  std::string lines;
  for (size_t q = 0; q < questions.size(); ++q)
    lines += to_text(Json{{"question", questions[q].question},
                          {"answer", questions[q].answer},
                          {"log_likelihoods", likelihoods[q]}}) +
             "\n";
  write_file(file, lines);
}

std::string share_with_interval(const Estimate& estimate) {
  return concat(percent(estimate.value), " (", percent(estimate.bootstrap_95.low), " to ",
                percent(estimate.bootstrap_95.high), ")");
}

}  // namespace

int run(const MultipleChoiceCommand& options) {
  std::vector<ChoiceQuestion> questions = read_choice_questions(options.file);
  if (options.limit > 0 && size_t(options.limit) < questions.size()) questions.resize(size_t(options.limit));
  const std::vector<ChoicePrompt> prompts = choice_prompts(questions, options.format, size_t(options.shots));
  MultipleChoicePlan plan;
  plan.model = open_model_for(options);
  tokenizer_of(*plan.model);
  const DetoxStack detox = open_detoxifiers(options.detox);
  plan.sessions = [&] { return detox.open(*plan.model); };
  plan.strengths = detox.strengths();
  plan.rows = options.rows;
  const auto likelihoods = choice_likelihoods(plan, prompts, terminal());
  const MultipleChoiceReport report = multiple_choice_report(questions, prompts, likelihoods);
  if (!options.output.empty()) write_rows(options.output, questions, likelihoods);
  if (options.json) {
    Json json = to_json(report);
    json["model"] = options.model;
    json["precision"] = name(plan.model->precision());
    json["file"] = options.file.filename().string();
    json["format"] = name(options.format);
    json["shots"] = options.shots;
    json["detox"] = options.detox;
    std::cout << to_text(json, 1) << '\n';
    return 0;
  }
  Table table;
  table.column("questions").column("right by log-likelihood").column("by log-likelihood per byte").column("by chance");
  table.row({std::to_string(report.questions), share_with_interval(report.total), share_with_interval(report.per_byte),
             percent(report.chance)});
  std::cout << table.to_markdown();
  return 0;
}

}  // namespace limpid::apps
