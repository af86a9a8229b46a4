#include <cmath>
#include <cstdio>
#include <iostream>

#include "apps/commands/train.h"
#include "apps/terminal.h"
#include "limpid/core/number_text.h"
#include "limpid/scorers/quality.h"
#include "limpid/scorers/scorer.h"
#include "limpid/scorers/scorer_training.h"

namespace limpid::apps {
namespace {

std::string row_of(const std::string& source, const ScorerQuality& q) {
  char line[240];
  char correlation[32] = "";
  if (q.correlation) std::snprintf(correlation, sizeof correlation, "%.3f", *q.correlation);
  std::snprintf(line, sizeof line, "| %-24s | %6zu | %6zu | %5.3f | %5.3f | %6.1f%% | %6.1f%% | %6.1f%% | %5s |",
                source.empty() ? "all" : source.c_str(), q.texts, q.toxic, q.auc, q.average_precision,
                100.0 * q.flagged, 100.0 * q.recall, 100.0 * q.false_positive_rate, correlation);
  return line;
}

void print_table(const std::string& what, const std::vector<std::pair<std::string, ScorerQuality>>& rows,
                 double threshold) {
  char number[32];
  std::snprintf(number, sizeof number, "%.3f", threshold);
  std::cout << what << ", threshold " << number << "\n\n"
            << "| source                   |  texts |  toxic |   AUC |    AP | flagged |  recall | false + |     r |\n"
            << "|--------------------------|-------:|-------:|------:|------:|--------:|--------:|--------:|------:|\n";
  for (const auto& [source, quality] : rows) std::cout << row_of(source, quality) << '\n';
  std::cout << std::endl;
}

}  // namespace

int run(const TrainScorerCommand& options) {
  const auto read = [&](const std::vector<std::string>& files) {
    return files.empty() ? LabelledData()
                         : read_labelled({files, options.data.where, options.data.fields}, options.training.seed);
  };
  std::vector<LabelledData> tests;
  LabelledData unseen;
  for (const std::string& file : options.test) {
    tests.push_back(read({file}));
    unseen.rows.insert(unseen.rows.end(), tests.back().rows.begin(), tests.back().rows.end());
    unseen.files.push_back(tests.back().files[0]);
  }
  TrainedScorer trained =
      train_scorer(options.training, read(options.data.files), read(options.valid), unseen, terminal());
  trained.file.write(options.output);
  print_table("held out", trained.held_out, trained.file.threshold);

  // The test sets are scored by the file as it was written, read back: what users will get.
  const auto scorer = open_scorer(options.output.string());
  for (size_t t = 0; t < tests.size(); ++t) {
    Progress progress(terminal(), "score " + options.test[t], tests[t].rows.size(), "texts");
    std::vector<double> scores;
    for (size_t begin = 0; begin < tests[t].rows.size(); begin += 1024) {
      terminal().throw_if_stopped();
      std::vector<std::string> texts;
      for (size_t i = begin; i < std::min(tests[t].rows.size(), begin + 1024); ++i)
        texts.push_back(tests[t].rows[i].text);
      for (double score : all_scores(*scorer, texts)) scores.push_back(score);
      progress.update(scores.size());
    }
    progress.finish();
    print_table(options.test[t], measure_by_source(tests[t].rows, scores, scorer->threshold()), scorer->threshold());
  }
  terminal().info(concat("wrote ", options.output.string(), ": ", thousands(uint64_t(fs::file_size(options.output))),
                         " bytes, ", thousands(trained.duplicates), " duplicates were not trained on"));
  return 0;
}

}  // namespace limpid::apps
