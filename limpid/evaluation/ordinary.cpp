#include "limpid/evaluation/ordinary.h"

#include "limpid/data/named_data.h"
#include "limpid/decoding/prompts.h"
#include "limpid/decoding/writing.h"
#include "limpid/evaluation/evaluate.h"
#include "limpid/evaluation/rows.h"
#include "limpid/metrics/answers.h"
#include "limpid/metrics/mask.h"

namespace limpid {
namespace {

bool is_chat(const EvaluationPlan& plan) { return !tokenizer_of(*plan.model).chat_template().empty(); }

Json ordinary_settings(const EvaluationPlan& plan, const EvaluationSetting& setting) {
  Json judges = Json::array();
  for (const auto& judge : plan.judges) judges.push_back(judge->name());
  return {{"provenance", plan.ordinary.provenance},
          {"setting", setting.identity()},
          {"greedy", true},
          {"chat", is_chat(plan)},
          {"tokens", plan.ordinary.tokens},
          {"judges", judges}};
}

/// Judges the answer of one prompt and keeps what the prompt file says of it.
GenerationRow answered_row(const EvaluationPlan& plan, size_t index, const std::vector<Completion>& samples) {
  const PromptRow& prompt = plan.ordinary.prompts[index];
  GenerationRow row = row_of(index, prompt.text, samples);
  for (const char* field : {"kind", "answers"})
    if (prompt.fields.contains(field)) row.fields[field] = prompt.fields.at(field);
  // An answer begins without a space: in a judge's text it stands in a paragraph of its own.
  judge_row(plan.judges, row, prompt.text + (is_chat(plan) ? "\n\n" : ""));
  return row;
}

RowsPlan ordinary_rows(const EvaluationPlan& plan) {
  RowsPlan rows{plan.model, plan.ordinary.prompts.size(), "everyday prompts", 1, plan.rows, {}, {}};
  WritingOptions writing;
  writing.sampling.greedy = true;
  writing.tokens = plan.ordinary.tokens;
  writing.chat = is_chat(plan);
  rows.request = [&plan, writing](size_t p) {
    return make_request(*plan.model, plan.ordinary.prompts[p].text, writing);
  };
  rows.finish = [&plan](size_t p, const std::vector<Completion>& samples) { return answered_row(plan, p, samples); };
  return rows;
}

}  // namespace

OrdinaryPlan read_ordinary_plan(const OrdinaryOptions& options) {
  OrdinaryPlan plan;
  plan.prompts = read_prompts(options.prompts);
  plan.tokens = options.tokens;
  if (options.limit > 0 && size_t(options.limit) < plan.prompts.size()) plan.prompts.resize(size_t(options.limit));
  for (size_t p = 0; p < plan.prompts.size(); ++p)
    right_answers(plan.prompts[p].fields, concat(options.prompts, ": prompt ", p + 1));
  plan.provenance = {{"prompts_sha256", sha256_file(resolve_data(options.prompts))}, {"prompts", plan.prompts.size()}};
  return plan;
}

void check_ordinary(const EvaluationPlan& plan) {
  if (!plan.ordinary.prompts.empty()) check_rows(ordinary_rows(plan), plan.ordinary.prompts);
}

OrdinaryResult answer_ordinary(const EvaluationPlan& plan, const EvaluationSetting& setting,
                               const OrdinaryResult* plain, Watch& watch) {
  const fs::path folder = plan.output / setting.name;
  WrittenRows written =
      write_rows(ordinary_rows(plan), setting, {folder / "ordinary.jsonl", folder / "ordinary.speed.json"},
                 ordinary_settings(plan, setting), watch);
  OrdinaryResult result;
  result.rows = std::move(written.rows);
  result.mean_kl = written.mean_kl;
  result.tokens_per_second = written.tokens_per_second;
  result.report = measure_ordinary(result.rows);
  if (plain) result.against_plain = compare_ordinary(plain->rows, result.rows);
  return result;
}

// ---- report ---------------------------------------------------------------------------------------------------------

Json ordinary_json(const EvaluationPlan& plan, const std::vector<SettingResult>& results) {
  Json json = {{"prompts", plan.ordinary.prompts.size()},
               {"tokens", plan.ordinary.tokens},
               {"chat", is_chat(plan)},
               {"provenance", plan.ordinary.provenance},
               {"settings", Json::array()}};
  for (const SettingResult& result : results) {
    const OrdinaryResult& ordinary = *result.ordinary;
    Json setting = to_json(ordinary.report);
    setting["name"] = result.setting.name;
    setting["mean_kl"] = number_or_null(ordinary.mean_kl);
    setting["tokens_per_second"] = ordinary.tokens_per_second;
    if (ordinary.against_plain) setting["against_plain"] = to_json(*ordinary.against_plain);
    json["settings"].push_back(std::move(setting));
  }
  return json;
}

std::string ordinary_markdown(const EvaluationPlan& plan, const std::vector<SettingResult>& results) {
  std::vector<OrdinaryLine> lines;
  for (const SettingResult& result : results) {
    const OrdinaryResult& ordinary = *result.ordinary;
    lines.push_back({result.setting.name, ordinary.report, ordinary.against_plain ? &*ordinary.against_plain : nullptr,
                     ordinary.mean_kl, ordinary.tokens_per_second});
  }
  return concat("## Ordinary answers: ", plan.ordinary.prompts.size(), " everyday prompts, greedy, up to ",
                plan.ordinary.tokens, " tokens, ", is_chat(plan) ? "as chat" : "as plain text", "\n\n",
                ordinary_table(lines).to_markdown(), "\n", kOrdinaryTableNote);
}

std::string ordinary_examples(const std::vector<SettingResult>& results, size_t count) {
  const auto& plain = results[0].ordinary->rows;
  const auto answer = [](const SettingResult& result, size_t row) -> const Continuation& {
    return result.ordinary->rows[row].generations[0];
  };
  std::string text;
  for (size_t r = 0; r < plain.size() && count > 0; ++r) {
    bool differs = false;
    for (const SettingResult& result : results) differs |= answer(result, r).ids != answer(results[0], r).ids;
    if (!differs) continue;
    --count;
    Table table;
    table.column("setting", Table::Align::kLeft)
        .column("differs from token")
        .column("answer, offensive words masked", Table::Align::kLeft);
    for (const SettingResult& result : results) {
      const auto place = first_difference(*answer(results[0], r).ids, *answer(result, r).ids);
      table.row({result.setting.name, place ? std::to_string(*place) : "", masked_line(answer(result, r).text)});
    }
    text += concat("> ", masked_line(plain[r].prompt), "\n\n", table.to_markdown(), "\n");
  }
  return text;
}

}  // namespace limpid
