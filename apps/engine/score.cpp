#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/commands/evaluate.h"
#include "apps/engine/row_output.h"
#include "apps/terminal.h"
#include "limpid/core/number_text.h"
#include "limpid/data/generations.h"
#include "limpid/data/named_data.h"
#include "limpid/data/rows.h"
#include "limpid/metrics/table.h"
#include "limpid/scorers/scorer.h"

/// `limpid score`: each text of a file gets its toxicity; rows keep everything else, in their order.
namespace limpid::apps {
namespace {

using ScoredRow = nlohmann::ordered_json;
constexpr size_t kTexts = 1024;  // scored together: enough to sort by length, little enough to see output soon

/// Rows read but not yet written, and where the texts in them are.
struct Chunk {
  std::vector<ScoredRow> rows;
  std::vector<std::string> texts;
  std::vector<std::pair<size_t, int64_t>> places;  // row, generation or -1
};

const ScoredRow& text_of(const ScoredRow& object, const std::string& field, const std::string& place) {
  const auto text = object.find(field);
  LIMPID_CHECK(text != object.end(), FormatError, place, ": \"", field, "\" is missing; expected a text row {\"", field,
               "\"} or a row of samples {\"prompt\", \"generations\": [{\"text\"}]}");
  LIMPID_CHECK(text->is_string(), FormatError, place, ": \"", field, "\" is ", text->type_name(),
               ", expected a string");
  return *text;
}

/// Returns a row as it is written, in the order of its file where there is one.
ScoredRow scored_row(const DataRow& row, const std::string& field) {
  if (row.is_plain()) return {{field, row.text}};
  return row.json.empty() ? ScoredRow(row.fields) : ScoredRow::parse(nan_as_null(row.json));
}

/// Takes the texts of one row into the chunk.
void add_row(Chunk& chunk, ScoredRow row, const std::string& field, const std::string& source) {
  const auto add = [&](const ScoredRow& object, const std::string& key, int64_t generation, const std::string& place) {
    chunk.texts.push_back(text_of(object, key, place).get<std::string>());
    chunk.places.emplace_back(chunk.rows.size(), generation);
  };
  const auto samples = row.find("generations");
  if (samples == row.end() || row.contains(field)) {
    add(row, field, -1, source);
  } else {
    LIMPID_CHECK(samples->is_array(), FormatError, source, ": \"generations\" is ", samples->type_name(),
                 ", expected a list");
    for (size_t i = 0; i < samples->size(); ++i) {
      const std::string place = concat(source, ": generations[", i, "]");
      LIMPID_CHECK((*samples)[i].is_object(), FormatError, place, " is ", (*samples)[i].type_name(),
                   ", expected an object with \"text\"");
      add((*samples)[i], "text", int64_t(i), place);
    }
  }
  chunk.rows.push_back(std::move(row));
}

/// Sums for the closing line.
struct Totals {
  size_t texts = 0, missing = 0, empty = 0, toxic = 0;
  double sum = 0.0;

  void add(double score, const std::string& text, double threshold) {
    ++texts;
    missing += std::isnan(score);
    empty += is_empty_text(text);
    toxic += score > threshold;
    if (!std::isnan(score)) sum += score;
  }
  size_t scored() const { return texts - missing; }
};

/// Says what came of it. Returns the exit code.
int report(const Scorer& scorer, const Totals& totals) {
  if (totals.missing > 0)
    terminal().warning(concat("texts without a score (null), for which the scorer's numbers left float32: ",
                              thousands(totals.missing), " of ", thousands(totals.texts)));
  const double scored = double(totals.scored());
  terminal().info(concat(scorer.name(), ": ", thousands(totals.scored()), " texts, mean toxicity ",
                         format_number(totals.sum / scored, 3), ", ",
                         format_number(100.0 * double(totals.toxic) / scored, 1), " % above ",
                         format_number(scorer.threshold(), 2), ", ", totals.empty, " empty"));
  return double(totals.missing) > kMostMissingScores * double(totals.texts) ? 1 : 0;
}

/// Scores the rows of a file chunk by chunk, those that an earlier run has not scored.
class Scoring {
 public:
  Scoring(const ScoreCommand& options, const Scorer& scorer, RowOutput& output)
      : options_(options),
        scorer_(scorer),
        output_(output) {}

  void add(const DataRow& row, uint64_t index) {
    if (output_.has(index)) return;
    add_row(chunk_, scored_row(row, options_.field), options_.field, row.source);
    places_.push_back(index);
    if (chunk_.texts.size() >= kTexts) flush();
  }

  void flush() {
    output_.stop_if_asked();
    const std::vector<double> scores = scorer_.score(chunk_.texts);
    for (size_t i = 0; i < scores.size(); ++i) {
      const auto [row, generation] = chunk_.places[i];
      ScoredRow& scored = chunk_.rows[row];
      (generation < 0 ? scored : scored["generations"][size_t(generation)])["toxicity"] = scores[i];
      totals_.add(scores[i], chunk_.texts[i], scorer_.threshold());
    }
    for (size_t i = 0; i < places_.size(); ++i)
      output_.write(places_[i], chunk_.rows[i].dump(-1, ' ', false, ScoredRow::error_handler_t::replace) + "\n");
    chunk_ = Chunk();
    places_.clear();
  }

  /// Counts a row that an earlier run has scored.
  void count(std::string_view line) {
    Chunk scored;
    add_row(scored, ScoredRow::parse(line), options_.field, output_.kept()->path().string());
    for (size_t i = 0; i < scored.texts.size(); ++i) {
      const auto [row, generation] = scored.places[i];
      const ScoredRow& text = generation < 0 ? scored.rows[row] : scored.rows[row]["generations"][size_t(generation)];
      const ScoredRow& score = text.at("toxicity");  // null: missing
      totals_.add(score.is_number() ? score.get<double>() : std::nan(""), scored.texts[i], scorer_.threshold());
    }
  }

  const Totals& totals() const { return totals_; }

 private:
  const ScoreCommand& options_;
  const Scorer& scorer_;
  RowOutput& output_;
  Chunk chunk_;
  std::vector<uint64_t> places_;  // of the chunk's rows in the file
  Totals totals_;
};

/// Returns the number of rows. @throws FormatError for what cannot be scored: now, rather than behind hours of work.
size_t check_rows(const fs::path& file, const std::string& field) {
  size_t rows = 0, texts = 0;
  for_each_row(file, {field}, [&](const DataRow& row) {
    Chunk chunk;
    add_row(chunk, scored_row(row, field), field, row.source);
    ++rows;
    texts += chunk.texts.size();
  });
  LIMPID_CHECK(texts > 0, FormatError, file.string(), ": holds no text");
  return rows;
}

}  // namespace

int run(const ScoreCommand& options) {
  const auto scorer = open_scorer(options.scorer);
  const fs::path file = resolve_data(options.file);
  const size_t rows = check_rows(file, options.field);
  const auto settings = [&] {
    return Json{{"texts_sha256", sha256_file(file)}, {"field", options.field}, {"scorer", scorer->describe()}};
  };
  RowOutput output(options.output, settings, rows, "rows");

  Scoring scoring(options, *scorer, output);
  Progress progress(terminal(), "score", rows, "rows");
  if (output.kept()) output.kept()->for_each_row([&](std::string_view line) { scoring.count(line); });
  uint64_t index = 0;
  for_each_row(file, {options.field}, [&](const DataRow& row) {
    const size_t before = scoring.totals().texts;
    scoring.add(row, index++);
    if (scoring.totals().texts > before) progress.update(index, thousands(scoring.totals().texts) + " texts");
  });
  scoring.flush();
  progress.update(rows);
  output.finish();
  progress.finish();
  return report(*scorer, scoring.totals());
}

}  // namespace limpid::apps
