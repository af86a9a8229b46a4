#include "limpid/metrics/ordinary.h"

#include <algorithm>
#include <cmath>

#include "limpid/metrics/answers.h"

namespace limpid {
namespace {

/// What the figures are made of: a value for each prompt, NaN where it has none.
struct AnswerValues {
  bool has_ids = true;
  std::map<std::string, std::vector<double>> values;
};

const Continuation& answer_of(const GenerationRow& row, size_t place) {
  LIMPID_CHECK(row.generations.size() == 1, FormatError, "[ordinary] prompt ", place + 1, " has ",
               row.generations.size(), " texts, expected one answer");
  return row.generations[0];
}

AnswerValues values_of(const std::vector<GenerationRow>& rows) {
  AnswerValues out;
  for (size_t r = 0; r < rows.size(); ++r) {
    const Continuation& answer = answer_of(rows[r], r);
    out.has_ids &= answer.ids.has_value();
    const TokenIds ids = answer.ids.value_or(TokenIds());
    const auto right = right_answers(rows[r].fields, concat("[ordinary] prompt ", r + 1));
    out.values["looping"].push_back(loops(ids));
    out.values["tokens"].push_back(double(ids.size()));
    out.values["ended"].push_back(answer.finish_reason == "stop");
    out.values["right"].push_back(right.empty() ? kUndefined : double(holds_answer(answer.text, right)));
    out.values["refused"].push_back(opens_with_refusal(answer.text));
  }
  if (!out.has_ids) out.values.erase("looping"), out.values.erase("tokens");
  return out;
}

Share share_of(std::vector<double> values, const BootstrapOptions& options) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  return {size_t(std::count(values.begin(), values.end(), 1.0)), values.size(), bootstrap_mean(values, options)};
}

PairedDifference difference_of(const std::vector<double>& plain, const std::vector<double>& setting,
                               const std::vector<std::pair<size_t, size_t>>& pairs, const BootstrapOptions& options) {
  std::vector<double> x, y;
  for (const auto& [a, b] : pairs) {
    if (std::isnan(plain[a]) || std::isnan(setting[b])) continue;
    x.push_back(plain[a]);
    y.push_back(setting[b]);
  }
  return paired_difference(x, y, options);
}

void compare_texts(const std::vector<GenerationRow>& plain, const std::vector<GenerationRow>& setting,
                   const std::vector<std::pair<size_t, size_t>>& pairs, const BootstrapOptions& options,
                   OrdinaryComparison& comparison) {
  std::vector<double> same, places;
  bool all_have_ids = true;
  for (const auto& [a, b] : pairs) {
    const Continuation &one = plain[a].generations[0], &other = setting[b].generations[0];
    const bool have_ids = one.ids && other.ids;
    const auto place = have_ids ? first_difference(*one.ids, *other.ids) : std::nullopt;
    same.push_back(have_ids ? !place : one.text == other.text);
    if (place) places.push_back(double(*place));
    all_have_ids &= have_ids;
  }
  comparison.identical = share_of(same, options);
  if (!all_have_ids || places.empty()) return;
  std::sort(places.begin(), places.end());
  comparison.mean_first_difference = mean(places);
  comparison.median_first_difference = percentile(places, 50);
}

}  // namespace

std::optional<size_t> first_difference(const TokenIds& a, const TokenIds& b) {
  if (a == b) return std::nullopt;
  return size_t(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

OrdinaryReport measure_ordinary(const std::vector<GenerationRow>& rows, const BootstrapOptions& options) {
  const AnswerValues answers = values_of(rows);
  OrdinaryReport report;
  report.prompts = rows.size();
  if (answers.has_ids) {
    report.looping = share_of(answers.values.at("looping"), options);
    report.tokens = estimate_mean(answers.values.at("tokens"), options);
  }
  report.ended = share_of(answers.values.at("ended"), options);
  report.right = share_of(answers.values.at("right"), options);
  report.refused = share_of(answers.values.at("refused"), options);
  for (const auto& [judge, judged] : judgements(rows)) report.perplexity[judge] = measure_perplexity(judged, options);
  return report;
}

OrdinaryComparison compare_ordinary(const std::vector<GenerationRow>& plain, const std::vector<GenerationRow>& setting,
                                    const BootstrapOptions& options) {
  const auto pairs = pair_by_prompt(plain, setting);
  OrdinaryComparison comparison;
  comparison.pairs = pairs.size();
  comparison.unpaired = plain.size() + setting.size() - 2 * pairs.size();
  const AnswerValues mine = values_of(plain), other = values_of(setting);
  compare_texts(plain, setting, pairs, options, comparison);
  for (const auto& [name, values] : mine.values)
    if (const auto entry = other.values.find(name); entry != other.values.end())
      comparison.differences[name] = difference_of(values, entry->second, pairs, options);
  const auto judged = judgements(plain), other_judged = judgements(setting);
  for (const auto& [judge, judgement] : judged)
    if (const auto entry = other_judged.find(judge); entry != other_judged.end())
      comparison.perplexity_ratio[judge] = perplexity_ratio(judgement, entry->second, pairs, options);
  return comparison;
}

// ---- as JSON and as a table -----------------------------------------------------------------------------------------

Json to_json(const Share& share) {
  return {{"count", share.count},
          {"of", share.of},
          {"value", number_or_null(share.value())},
          {"bootstrap_95", to_json(share.bootstrap_95)},
          {"wilson_95", to_json(wilson_interval(share.count, share.of))}};
}

Json to_json(const OrdinaryReport& report) {
  Json json = {{"prompts", report.prompts},
               {"looping", report.looping ? to_json(*report.looping) : Json()},
               {"tokens", report.tokens ? to_json(*report.tokens) : Json()},
               {"ended", to_json(report.ended)},
               {"right", to_json(report.right)},
               {"refused", to_json(report.refused)},
               {"perplexity", Json::object()}};
  for (const auto& [judge, perplexity] : report.perplexity) json["perplexity"][judge] = to_json(perplexity);
  return json;
}

Json to_json(const OrdinaryComparison& comparison) {
  Json json = {{"pairs", comparison.pairs},
               {"unpaired", comparison.unpaired},
               {"identical", to_json(comparison.identical)},
               {"mean_first_difference", number_or_null(comparison.mean_first_difference)},
               {"median_first_difference", number_or_null(comparison.median_first_difference)},
               {"perplexity_ratio", Json::object()}};
  for (const auto& [name, difference] : comparison.differences) json[name] = to_json(difference);
  for (const auto& [judge, ratio] : comparison.perplexity_ratio) json["perplexity_ratio"][judge] = to_json(ratio);
  return json;
}

namespace {

/// Returns "57/60 = .95".
std::string counted(const Share& share) {
  return share.of == 0 ? "-" : concat(share.count, "/", share.of, " = ", format_number(share.value(), 2, false));
}

std::string signed_interval(const OrdinaryComparison& comparison, const std::string& name, int digits) {
  const auto entry = comparison.differences.find(name);
  if (entry == comparison.differences.end() || entry->second.pairs == 0) return "-";
  return (entry->second.difference > 0 ? "+" : "") +
         format_interval(entry->second.difference, entry->second.interval, digits);
}

/// Returns the cells that only a setting beside plain has, as many as the table has columns for them.
std::vector<std::string> compared_cells(const OrdinaryComparison* comparison) {
  if (!comparison) return {"", "", "", ""};
  const Share& identical = comparison->identical;
  return {
      concat(identical.count, "/", identical.of, " = ", format_interval(identical.value(), identical.bootstrap_95, 2)),
      format_number(comparison->median_first_difference, 0), signed_interval(*comparison, "looping", 2),
      signed_interval(*comparison, "right", 2)};
}

std::string perplexity_cell(const OrdinaryLine& line, const std::string& judge) {
  const auto own = line.report.perplexity.find(judge);
  if (own == line.report.perplexity.end()) return "-";
  const std::string value = format_number(own->second.ppl, 1);
  if (!line.against_plain) return value;
  const auto ratio = line.against_plain->perplexity_ratio.find(judge);
  return ratio == line.against_plain->perplexity_ratio.end()
             ? value
             : concat(value, " (x ", format_number(ratio->second.ratio, 2), ")");
}

}  // namespace

const char* const kOrdinaryTableNote =
    "Same as plain: all tokens; differs from token: median place, counted from 0, of the first token that differs. "
    "Loops: of at least 24 tokens, fewer than 2/3 of the trigrams are different, or than 1/2 of those at the end. "
    "Right: of the prompts with "
    "known "
    "answers, those whose text holds one. Refusals: at the start of the answer. Ends: by itself, not at the limit. "
    "PPL: "
    "of the answers behind their prompts, pooled, and over plain's. Intervals: 95 % bootstrap over prompts. KL: nats "
    "per "
    "token against plain, first prompts (about 1,000 tokens).\n";

Table ordinary_table(const std::vector<OrdinaryLine>& lines) {
  Table table;
  table.column("setting", Table::Align::kLeft)
      .column("same as plain")
      .column("differs from token")
      .column("loops")
      .column("loops - plain")
      .column("right")
      .column("right - plain")
      .column("refusals")
      .column("ends")
      .column("tokens");
  const std::map<std::string, PerplexityReport> judges =
      lines.empty() ? std::map<std::string, PerplexityReport>() : lines[0].report.perplexity;
  for (const auto& [judge, perplexity] : judges) table.column("PPL " + judge);
  table.column("KL").column("tokens/s");
  for (const OrdinaryLine& line : lines) {
    const OrdinaryReport& report = line.report;
    const auto compared = compared_cells(line.against_plain);
    std::vector<std::string> cells = {
        line.setting,          compared[0],
        compared[1],           report.looping ? counted(*report.looping) : "-",
        compared[2],           counted(report.right),
        compared[3],           counted(report.refused),
        counted(report.ended), report.tokens ? format_number(report.tokens->value, 1) : "-"};
    for (const auto& [judge, perplexity] : judges) cells.push_back(perplexity_cell(line, judge));
    cells.push_back(line.against_plain ? format_number(line.mean_kl, 3) : "");
    cells.push_back(line.tokens_per_second > 0 ? format_number(line.tokens_per_second, 0) : "");
    table.row(std::move(cells));
  }
  return table;
}

}  // namespace limpid
