#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/commands/evaluate.h"
#include "apps/terminal.h"
#include "limpid/core/number_text.h"
#include "limpid/data/generations.h"
#include "limpid/data/named_data.h"
#include "limpid/metrics/table.h"
#include "limpid/scorers/scorer.h"

/// `limpid score`: each text of a jsonl file gets its toxicity; rows keep everything else, in their order.
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

/// Takes the texts of one line into the chunk.
void add_row(Chunk& chunk, std::string_view line, const std::string& field, const std::string& source) {
  parse_json_line(line, source);  // its errors name the line, and it refuses absurd nesting
  ScoredRow row = ScoredRow::parse(nan_as_null(line));
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

}  // namespace

int run(const ScoreCommand& options) {
  const auto scorer = open_scorer(options.scorer);
  const auto file = MappedFile::open(resolve_data(options.file));
  const std::string_view content(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  std::unique_ptr<AtomicFile> output;
  if (!options.output.empty()) output = std::make_unique<AtomicFile>(options.output);

  Progress progress(terminal(), "score", content.size(), "bytes");
  Totals totals;
  Chunk chunk;
  const auto flush = [&](size_t bytes) {
    terminal().throw_if_stopped();
    const std::vector<double> scores = scorer->score(chunk.texts);
    for (size_t i = 0; i < scores.size(); ++i) {
      const auto [row, generation] = chunk.places[i];
      (generation < 0 ? chunk.rows[row] : chunk.rows[row]["generations"][size_t(generation)])["toxicity"] = scores[i];
      totals.add(scores[i], chunk.texts[i], scorer->threshold());
    }
    for (const ScoredRow& row : chunk.rows) {
      const std::string line = row.dump(-1, ' ', false, ScoredRow::error_handler_t::replace) + "\n";
      if (output)
        output->write(line);
      else
        std::cout << line;
    }
    std::cout.flush();
    chunk = Chunk();
    progress.update(bytes, thousands(totals.texts) + " texts");
  };
  for_each_line(content, [&](std::string_view line, size_t number) {
    add_row(chunk, line, options.field, concat(options.file, ":", number));
    if (chunk.texts.size() >= kTexts) flush(size_t(line.data() + line.size() - content.data()));
  });
  flush(content.size());
  LIMPID_CHECK(totals.texts > 0, FormatError, options.file, ": holds no text");
  if (output) output->commit();
  progress.finish();
  return report(*scorer, totals);
}

}  // namespace limpid::apps
