#include "limpid/evaluation/choices.h"

#include "limpid/evaluation/evaluate.h"

namespace limpid {
namespace {

/// Returns the likelihoods of a file that was made with these settings; none otherwise.
std::vector<std::vector<double>> stored_likelihoods(const fs::path& file, const Json& settings) {
  if (!fs::exists(file)) return {};
  const Json json = read_json(file);
  if (json.value("settings", Json()) != settings) return {};
  return require<std::vector<std::vector<double>>>(json, "log_likelihoods", file.string());
}

}  // namespace

MultipleChoiceReport answer_choices(const EvaluationPlan& plan, const EvaluationSetting& setting, Watch& watch) {
  std::vector<ChoiceQuestion> questions = plan.choices.questions;
  const std::vector<ChoicePrompt> prompts = choice_prompts(questions, ChoiceFormat::Answer, 0);
  const fs::path file = plan.output / setting.name / "choices.json";
  // Through text and back, so that numbers compare as they do in the file.
  const Json settings =
      parse_json(to_text(Json{{"provenance", plan.choices.provenance}, {"setting", setting.identity()}}), "settings");
  std::vector<std::vector<double>> likelihoods = stored_likelihoods(file, settings);
  if (likelihoods.size() != questions.size()) {
    MultipleChoicePlan choices;
    choices.model = plan.model;
    choices.sessions = [&] { return setting.open(*plan.model); };
    choices.strengths = setting.strengths();
    choices.rows = plan.rows;
    likelihoods = choice_likelihoods(choices, prompts, watch);
    write_file(file, to_text(Json{{"settings", settings}, {"log_likelihoods", likelihoods}}) + "\n");
  }
  return multiple_choice_report(questions, prompts, likelihoods);
}

std::string choices_markdown(const std::vector<SettingResult>& results) {
  Table table;
  table.column("setting", Table::Align::kLeft)
      .column("right by log-likelihood")
      .column("by log-likelihood per byte")
      .column("by chance");
  for (const SettingResult& result : results) {
    const MultipleChoiceReport& report = *result.choices;
    table.row({result.setting.name, format_interval(report.total.value, report.total.bootstrap_95, 3),
               format_interval(report.per_byte.value, report.per_byte.bootstrap_95, 3),
               format_number(report.chance, 3, false)});
  }
  return concat("## Multiple choice: ", results[0].choices->questions, " questions\n\n", table.to_markdown());
}

}  // namespace limpid
