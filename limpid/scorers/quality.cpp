#include "limpid/scorers/quality.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "limpid/metrics/scorer_quality.h"
#include "limpid/metrics/statistics.h"

namespace limpid {
namespace {

double pearson(const std::vector<double>& a, const std::vector<double>& b) {
  const double mean_a = mean(a), mean_b = mean(b);
  double ab = 0.0, aa = 0.0, bb = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return ab / std::sqrt(aa * bb);
}

double share(size_t part, size_t whole) { return whole ? double(part) / double(whole) : std::nan(""); }

}  // namespace

ScorerQuality measure(const std::vector<LabelledText>& rows, const std::vector<double>& scores, double threshold) {
  LIMPID_CHECK(rows.size() == scores.size(), ShapeError, "[scorer] ", scores.size(), " scores of ", rows.size(),
               " texts");
  ScorerQuality q;
  std::vector<int> labels;
  std::vector<double> shares;
  size_t above = 0, false_alarms = 0;
  bool graded = false;
  for (size_t i = 0; i < rows.size(); ++i) {
    labels.push_back(rows[i].toxic());
    shares.push_back(rows[i].label);
    graded |= rows[i].label > 0.0 && rows[i].label < 1.0;
    q.toxic += size_t(rows[i].toxic());
    above += scores[i] > threshold;
    false_alarms += scores[i] > threshold && !rows[i].toxic();
  }
  q.texts = rows.size();
  q.auc = roc_auc(labels, scores);
  q.average_precision = average_precision(labels, scores);
  q.flagged = share(above, q.texts);
  q.false_positive_rate = share(false_alarms, q.texts - q.toxic);
  q.recall = share(above - false_alarms, q.toxic);
  if (graded) q.correlation = pearson(shares, scores);
  return q;
}

std::vector<std::pair<std::string, ScorerQuality>> measure_by_source(const std::vector<LabelledText>& rows,
                                                                     const std::vector<double>& scores,
                                                                     double threshold) {
  std::vector<std::pair<std::string, ScorerQuality>> result = {{"", measure(rows, scores, threshold)}};
  std::map<std::string, std::pair<std::vector<LabelledText>, std::vector<double>>> by_source;
  for (size_t i = 0; i < rows.size(); ++i) {
    by_source[rows[i].source].first.push_back(rows[i]);
    by_source[rows[i].source].second.push_back(scores[i]);
  }
  for (const auto& [source, part] : by_source) result.emplace_back(source, measure(part.first, part.second, threshold));
  return result;
}

Json to_json(const ScorerQuality& q) {
  Json json = {{"texts", q.texts},
               {"toxic", q.toxic},
               {"auc", number_or_null(q.auc)},
               {"average_precision", number_or_null(q.average_precision)},
               {"flagged", number_or_null(q.flagged)},
               {"false_positive_rate", number_or_null(q.false_positive_rate)},
               {"recall", number_or_null(q.recall)}};
  if (q.correlation) json["correlation"] = number_or_null(*q.correlation);
  return json;
}

double break_even_threshold(const std::vector<LabelledText>& rows, const std::vector<double>& scores) {
  LIMPID_CHECK(rows.size() == scores.size(), ShapeError, "[scorer] ", scores.size(), " scores of ", rows.size(),
               " texts");
  const size_t toxic =
      size_t(std::count_if(rows.begin(), rows.end(), [](const LabelledText& row) { return row.toxic(); }));
  LIMPID_CHECK(toxic > 0 && toxic < rows.size(), ConfigError, "a threshold needs held-out texts of both labels, and ",
               toxic, " of ", rows.size(), " are toxic");
  std::vector<double> sorted = scores;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  return (sorted[toxic - 1] + sorted[toxic]) / 2.0;
}

}  // namespace limpid
