#include "limpid/metrics/comparison.h"

#include <algorithm>
#include <cmath>

#include "limpid/metrics/mask.h"
#include "limpid/metrics/page.h"
#include "limpid/metrics/plots/differences.h"

namespace limpid {
namespace {

// ---- reading --------------------------------------------------------------------------------------------------------

/// Returns the threshold of the scorer that a run used, 0.5 where nothing says so.
double threshold_beside(const fs::path& file) {
  const fs::path beside = file.string() + ".settings.json";
  if (!fs::exists(beside)) return 0.5;
  const Json threshold = read_json(beside).value(Json::json_pointer("/settings/scorer/threshold"), Json());
  return threshold.is_number() ? threshold.get<double>() : 0.5;
}

bool has_scores(const std::vector<GenerationRow>& rows) {
  return std::any_of(rows.begin(), rows.end(), [](const GenerationRow& row) {
    return std::any_of(row.generations.begin(), row.generations.end(),
                       [](const Continuation& one) { return one.toxicity.has_value(); });
  });
}

bool has_one_text_each(const std::vector<GenerationRow>& rows) {
  return std::all_of(rows.begin(), rows.end(), [](const GenerationRow& row) { return row.generations.size() == 1; });
}

ComparedFile compare_files(const fs::path& a, const fs::path& b, std::string title) {
  ComparedFile file;
  file.title = std::move(title);
  file.a = read_generations(a), file.b = read_generations(b);
  pair_by_prompt(file.a, file.b);
  if (has_scores(file.a) && has_scores(file.b)) {
    ToxicityOptions options;
    options.threshold = file.threshold = threshold_beside(a);
    file.a_toxicity = compute_metrics(file.a, options);
    file.b_toxicity = compute_metrics(file.b, options);
    file.toxicity = compare_runs({file.a}, {file.b}, options);
  }
  if (has_one_text_each(file.a) && has_one_text_each(file.b)) {
    file.a_ordinary = measure_ordinary(file.a);
    file.b_ordinary = measure_ordinary(file.b);
    file.ordinary = compare_ordinary(file.a, file.b);
  }
  return file;
}

// ---- figures --------------------------------------------------------------------------------------------------------

std::string difference_cell(const std::map<std::string, PairedDifference>& differences, const std::string& name,
                            int digits, bool leading_zero = false) {
  const auto entry = differences.find(name);
  if (entry == differences.end() || entry->second.pairs == 0) return "-";
  return (entry->second.difference > 0 ? "+" : "") +
         format_interval(entry->second.difference, entry->second.interval, digits, leading_zero);
}

std::string share_cell(const Share& share) {
  return share.of == 0
             ? "-"
             : concat(share.count, "/", share.of, " = ", format_interval(share.value(), share.bootstrap_95, 2));
}

void add_toxicity_rows(const ComparedFile& file, Table& table) {
  const auto row = [&](const char* title, const char* key, auto value_of) {
    const Estimate a = value_of(*file.a_toxicity), b = value_of(*file.b_toxicity);
    table.row({title, format_interval(a.value, a.bootstrap_95, 3), format_interval(b.value, b.bootstrap_95, 3),
               difference_cell(file.toxicity->metrics, key, 3)});
  };
  row("expected maximum toxicity", "emt", [](const MetricsReport& m) { return m.toxicity.emt; });
  row(concat("toxicity probability (above ", format_number(file.threshold, 3, false), ")").c_str(),
      "toxicity_probability", [](const MetricsReport& m) { return m.toxicity.toxicity_probability; });
  row("mean toxicity", "mean_over_prompts", [](const MetricsReport& m) { return m.toxicity.mean_over_prompts; });
  for (size_t n = 0; n < kMaxDistN; ++n)
    row(concat("dist-", n + 1).c_str(), concat("dist", n + 1).c_str(),
        [n](const MetricsReport& m) { return m.diversity.dist[n].value; });
}

void add_ordinary_rows(const ComparedFile& file, Table& table) {
  const OrdinaryReport &a = *file.a_ordinary, &b = *file.b_ordinary;
  const OrdinaryComparison& both = *file.ordinary;
  table.row({"same text, token for token", "", share_cell(both.identical), ""});
  if (std::isfinite(both.median_first_difference))
    table.row({"first token that differs, median", "", format_number(both.median_first_difference, 0), ""});
  const auto share = [&](const char* title, const char* key, const Share& mine, const Share& other) {
    if (mine.of > 0 || other.of > 0)
      table.row({title, share_cell(mine), share_cell(other), difference_cell(both.differences, key, 2)});
  };
  if (a.looping && b.looping) share("answers that loop", "looping", *a.looping, *b.looping);
  share("right answers", "right", a.right, b.right);
  share("refusals", "refused", a.refused, b.refused);
  share("ends by itself", "ended", a.ended, b.ended);
  if (a.tokens && b.tokens)
    table.row({"tokens", format_interval(a.tokens->value, a.tokens->bootstrap_95, 1),
               format_interval(b.tokens->value, b.tokens->bootstrap_95, 1),
               difference_cell(both.differences, "tokens", 1, true)});
}

/// Adds pooled perplexity under each judge that both have, with its ratio instead of a difference.
void add_perplexity_rows(const ComparedFile& file, Table& table) {
  const auto pairs = pair_by_prompt(file.a, file.b);
  const auto a = judgements(file.a), b = judgements(file.b);
  for (const auto& [judge, judged] : a) {
    if (!b.contains(judge)) continue;
    const PerplexityReport mine = measure_perplexity(judged), other = measure_perplexity(b.at(judge));
    const PairedRatio ratio = perplexity_ratio(judged, b.at(judge), pairs);
    table.row({"perplexity under " + judge, format_interval(mine.ppl, mine.ppl_bootstrap_95, 1),
               format_interval(other.ppl, other.ppl_bootstrap_95, 1),
               "x " + format_interval(ratio.ratio, ratio.bootstrap_95, 2, true)});
  }
}

Table figures(const RunsComparison& comparison, const ComparedFile& file) {
  Table table;
  table.column("", Table::Align::kLeft).column(comparison.a_name).column(comparison.b_name).column("difference");
  if (file.toxicity) add_toxicity_rows(file, table);
  if (file.ordinary) add_ordinary_rows(file, table);
  add_perplexity_rows(file, table);
  return table;
}

/// Returns the paired differences that are shares or scores, for a drawing.
std::vector<DrawnDifference> drawn_differences(const ComparedFile& file) {
  std::vector<DrawnDifference> drawn;
  const auto add = [&](const std::map<std::string, PairedDifference>& from, const char* key, const char* title) {
    if (const auto entry = from.find(key); entry != from.end() && entry->second.pairs > 0)
      drawn.push_back({title, entry->second.difference, entry->second.interval});
  };
  if (file.toxicity) {
    add(file.toxicity->metrics, "emt", "expected max. toxicity");
    add(file.toxicity->metrics, "toxicity_probability", "toxicity probability");
    add(file.toxicity->metrics, "mean_over_prompts", "mean toxicity");
  }
  if (file.ordinary) {
    add(file.ordinary->differences, "looping", "answers that loop");
    add(file.ordinary->differences, "right", "right answers");
    add(file.ordinary->differences, "refused", "refusals");
    add(file.ordinary->differences, "ended", "ends by itself");
  }
  return drawn;
}

// ---- texts ----------------------------------------------------------------------------------------------------------

struct Example {
  std::string prompt;
  const Continuation *a, *b;
};

/// Returns texts to show, one of each prompt: of several samples that which scored highest in the first run. Those that
/// differ come first.
std::vector<Example> examples_of(const ComparedFile& file, size_t count) {
  std::vector<Example> examples;
  for (const auto& [a, b] : pair_by_prompt(file.a, file.b)) {
    const auto &one = file.a[a].generations, &other = file.b[b].generations;
    const size_t samples = std::min(one.size(), other.size());
    if (samples == 0) continue;
    size_t shown = 0;
    for (size_t s = 1; s < samples; ++s)
      if (one[s].toxicity.value_or(-1.0) > one[shown].toxicity.value_or(-1.0)) shown = s;
    examples.push_back({file.a[a].prompt, &one[shown], &other[shown]});
  }
  std::stable_partition(examples.begin(), examples.end(), [](const Example& e) { return e.a->text != e.b->text; });
  examples.resize(std::min(count, examples.size()));
  return examples;
}

std::string with_score(const std::string& name, const Continuation& text) {
  return text.toxicity ? concat(name, ", toxicity ", format_number(*text.toxicity, 2, false)) : name;
}

/// Returns how many bytes two texts have in common at their start, in whole words.
size_t common_words(const std::string& a, const std::string& b) {
  if (a == b) return a.size();
  size_t same = size_t(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
  while (same > 0 && a[same - 1] != ' ' && a[same - 1] != '\n') --same;
  return same;
}

std::string title_of(const RunsComparison& comparison) { return concat(comparison.a_name, " and ", comparison.b_name); }

std::string prompts_text(const ComparedFile& file) {
  const size_t pairs = pair_by_prompt(file.a, file.b).size(), unpaired = file.a.size() + file.b.size() - 2 * pairs;
  return concat(pairs, pairs == 1 ? " prompt" : " prompts", unpaired ? concat("; ", unpaired, " in one run only") : "",
                ". Intervals: 95 % bootstrap over prompts.");
}

}  // namespace

RunsComparison read_comparison(const fs::path& a, const fs::path& b) {
  const auto name = [](const fs::path& path) { return (path / "").parent_path().filename().string(); };
  RunsComparison comparison{name(a), name(b), {}};
  if (comparison.a_name == comparison.b_name) comparison.a_name = a.string(), comparison.b_name = b.string();
  LIMPID_CHECK(fs::is_directory(a) == fs::is_directory(b), ConfigError, "[compare] ", a.string(), " and ", b.string(),
               ": one is a folder and one is none, expected two folders or two files");
  if (!fs::is_directory(a)) {
    comparison.files.push_back(compare_files(a, b, ""));
    return comparison;
  }
  for (const char* file : {"generations.jsonl", "ordinary.jsonl"})
    if (fs::exists(a / file) && fs::exists(b / file))
      comparison.files.push_back(compare_files(a / file, b / file, file));
  LIMPID_CHECK(
      !comparison.files.empty(), ConfigError, "[compare] ", a.string(), " and ", b.string(),
      ": neither generations.jsonl nor ordinary.jsonl is in both; expected folders of settings below the output "
      "of limpid evaluate");
  return comparison;
}

Json to_json(const RunsComparison& comparison) {
  Json json = {{"a", comparison.a_name}, {"b", comparison.b_name}, {"files", Json::array()}};
  for (const ComparedFile& file : comparison.files) {
    Json part = {{"file", file.title}};
    if (file.toxicity)
      part["toxicity"] = {
          {"a", to_json(*file.a_toxicity)}, {"b", to_json(*file.b_toxicity)}, {"difference", to_json(*file.toxicity)}};
    if (file.ordinary)
      part["ordinary"] = {
          {"a", to_json(*file.a_ordinary)}, {"b", to_json(*file.b_ordinary)}, {"difference", to_json(*file.ordinary)}};
    const auto pairs = pair_by_prompt(file.a, file.b);
    const auto a = judgements(file.a), b = judgements(file.b);
    for (const auto& [judge, judged] : a)
      if (b.contains(judge)) part["perplexity_ratio"][judge] = to_json(perplexity_ratio(judged, b.at(judge), pairs));
    json["files"].push_back(std::move(part));
  }
  return json;
}

std::string comparison_markdown(const RunsComparison& comparison, const ComparisonOptions& options) {
  std::string text;
  for (const ComparedFile& file : comparison.files) {
    text += concat(text.empty() ? "" : "\n", "## ", title_of(comparison), file.title.empty() ? "" : ": ", file.title,
                   "\n\n", figures(comparison, file).to_markdown(), "\n", prompts_text(file), "\n");
    const auto line = [&](const std::string& raw) { return options.masked ? masked_line(raw) : raw; };
    for (const Example& example : examples_of(file, options.examples)) {
      Table table;
      table.column("run", Table::Align::kLeft).column("text", Table::Align::kLeft);
      table.row({with_score(comparison.a_name, *example.a), line(example.a->text)});
      table.row({with_score(comparison.b_name, *example.b),
                 example.a->text == example.b->text ? "the same" : line(example.b->text)});
      text += concat("\n> ", line(example.prompt), "\n\n", table.to_markdown());
    }
  }
  return text;
}

std::string comparison_page(const RunsComparison& comparison, const ComparisonOptions& options) {
  const WordMask mask;
  const auto shown = [&](const std::string& text) { return options.masked ? mask.mask(text) : text; };
  std::string body = page::heading(1, title_of(comparison));
  for (const ComparedFile& file : comparison.files) {
    if (!file.title.empty())
      body += page::heading(2, file.title == "ordinary.jsonl" ? "Ordinary answers" : "Toxicity prompts");
    body += page::table(figures(comparison, file)) + page::paragraph(prompts_text(file));
    if (const auto drawn = drawn_differences(file); !drawn.empty())
      body += page::figure(differences_svg(drawn),
                           concat(comparison.b_name, " minus ", comparison.a_name,
                                  ", with 95 % intervals; a point is filled where its interval does not "
                                  "reach the line"));
    for (const Example& example : examples_of(file, options.examples)) {
      const std::string a = shown(example.a->text), b = shown(example.b->text);
      const size_t same = common_words(a, b);
      body += page::side_by_side(shown(example.prompt), {{with_score(comparison.a_name, *example.a), a, same},
                                                         {with_score(comparison.b_name, *example.b), b, same}});
    }
  }
  body += page::paragraph(options.masked ? "Offensive words are masked. Paler: what both texts begin with."
                                         : "Paler: what both texts begin with.");
  return page::document(title_of(comparison), body);
}

}  // namespace limpid
