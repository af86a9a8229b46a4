#include "limpid/metrics/scorer_quality.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <set>

#include "limpid/data/generations.h"
#include "limpid/metrics/statistics.h"

namespace limpid {
namespace {

constexpr size_t kMaxBins = 1'000'000;

double ratio(double above, double below) { return below == 0 ? kUndefined : above / below; }

std::vector<size_t> order_by_score(std::span<const double> scores) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] < scores[b]; });
  return order;
}

/// A score as digits · 10^-places, from its shortest decimal spelling.
struct Decimal {
  unsigned __int128 digits = 0;
  int places = 0;
};

Decimal to_decimal(double value) {
  char text[64];
  char* const end = std::to_chars(text, text + sizeof text - 1, value, std::chars_format::scientific).ptr;
  *end = '\0';  // for atoi
  Decimal decimal;
  const char* cursor = text;
  for (bool after_point = false; cursor != end && *cursor != 'e'; ++cursor) {
    if (*cursor == '.') {
      after_point = true;
      continue;
    }
    decimal.digits = decimal.digits * 10 + unsigned(*cursor - '0');
    decimal.places += after_point;
  }
  if (cursor != end) decimal.places -= std::atoi(cursor + 1);
  for (; decimal.places < 0; ++decimal.places) decimal.digits *= 10;  // 1e0 has none; scores do not exceed 1
  return decimal;
}

/// Returns the calibration error with the bins given.
double binned_error(std::span<const double> confidences, std::span<const int> hits, std::span<const size_t> bin_of) {
  struct Bin {
    double confidence = 0, hits = 0;
  };
  std::map<size_t, Bin> filled;
  for (size_t i = 0; i < confidences.size(); ++i) {
    Bin& bin = filled[bin_of[i]];
    bin.confidence += confidences[i];
    bin.hits += hits[i];
  }
  double error = 0;
  for (const auto& [place, bin] : filled) error += std::abs(bin.confidence - bin.hits);
  return ratio(error, double(confidences.size()));
}

void check_bins(size_t bins) {
  LIMPID_CHECK(bins >= 1 && bins <= kMaxBins, ConfigError, "[scorer] ", bins, " calibration bins, expected 1 to ",
               kMaxBins);
}

size_t equal_bin(double confidence, size_t bins) { return std::min(size_t(confidence * double(bins)), bins - 1); }

CalibrationErrors calibrate(const LabelledScores& data, double threshold, size_t bins) {
  check_bins(bins);
  const size_t n = data.scores.size();
  std::vector<double> confidence(n);
  std::vector<int> hit(n);
  std::vector<size_t> exact_score(n), exact_top(n);
  for (size_t i = 0; i < n; ++i) {
    const double score = data.scores[i];
    confidence[i] = std::max(score, 1 - score);
    hit[i] = (score > threshold) == (data.labels[i] == 1);
    exact_score[i] = exact_bin(score, bins, false);
    exact_top[i] = exact_bin(score, bins, true);
  }
  return {calibration_error(data.scores, data.labels, bins), binned_error(data.scores, data.labels, exact_score),
          calibration_error(confidence, hit, bins), binned_error(confidence, hit, exact_top)};
}

Confusion confuse(const LabelledScores& data, double threshold) {
  Confusion c{};
  for (size_t i = 0; i < data.labels.size(); ++i) {
    const bool predicted = data.scores[i] > threshold;
    if (data.labels[i] == 1)
      ++(predicted ? c.tp : c.fn);
    else
      ++(predicted ? c.fp : c.tn);
  }
  c.accuracy = ratio(double(c.tp + c.tn), double(data.labels.size()));
  c.precision = ratio(double(c.tp), double(c.tp + c.fp));
  c.recall = ratio(double(c.tp), double(c.tp + c.fn));
  c.f1 = ratio(2.0 * double(c.tp), double(2 * c.tp + c.fp + c.fn));
  return c;
}

IdentityAuc identity_areas(const LabelledScores& data, const std::string& identity) {
  struct Part {
    std::vector<int> labels;
    std::vector<double> scores;
    void add(int label, double score) { labels.push_back(label), scores.push_back(score); }
    double area() const { return roc_auc(labels, scores); }
  } subgroup, bpsn, bnsp;
  for (size_t i = 0; i < data.labels.size(); ++i) {
    const int label = data.labels[i];
    const auto& mentioned = data.identities[i];
    const bool inside = std::find(mentioned.begin(), mentioned.end(), identity) != mentioned.end();
    if (inside) subgroup.add(label, data.scores[i]);
    if (inside == (label == 0)) bpsn.add(label, data.scores[i]);
    if (inside == (label == 1)) bnsp.add(label, data.scores[i]);
  }
  return {subgroup.area(), bpsn.area(), bnsp.area(), subgroup.labels.size()};
}

double power_mean(const std::map<std::string, IdentityAuc>& areas, double IdentityAuc::* area, double power) {
  std::vector<double> raised;
  for (const auto& [identity, auc] : areas)
    if (!std::isnan(auc.*area)) raised.push_back(std::pow(auc.*area, power));
  return std::pow(mean(raised), 1 / power);
}

void check(const LabelledScores& data) {
  const size_t n = data.labels.size();
  LIMPID_CHECK(data.scores.size() == n && (data.identities.empty() || data.identities.size() == n), ShapeError,
               "[scorer] ", n, " labels, ", data.scores.size(), " scores, ", data.identities.size(),
               " lists of identities, expected as many of each");
  for (size_t i = 0; i < n; ++i) {
    LIMPID_CHECK(data.labels[i] == 0 || data.labels[i] == 1, FormatError, "[scorer] label ", i, " is ", data.labels[i],
                 ", expected 0 or 1");
    LIMPID_CHECK(data.scores[i] >= 0 && data.scores[i] <= 1, FormatError, "[scorer] score ", i, " is ", data.scores[i],
                 ", expected 0 to 1");
  }
}

}  // namespace

LabelledScores read_labelled_scores(const fs::path& path) {
  LabelledScores data;
  for_each_line(read_file(path), [&](std::string_view line, size_t number) {
    const std::string source = concat(path.string(), ":", number);
    const Json row = parse_json_line(line, source);
    const auto label = row.find("label");
    LIMPID_CHECK(label != row.end(), FormatError, source, ": \"label\" is missing");
    LIMPID_CHECK(*label == 0 || *label == 1 || label->is_boolean(), FormatError, source, ": \"label\" is ",
                 to_text(*label).substr(0, 40), ", expected 0 or 1");
    const double score = require<double>(row, "score", source);
    LIMPID_CHECK(score >= 0 && score <= 1, FormatError, source, ": \"score\" is ", score, ", expected 0 to 1");
    data.labels.push_back(*label == 1 || *label == true);
    data.scores.push_back(score);
    data.identities.push_back(get_or<std::vector<std::string>>(row, "identities", {}, source));
  });
  LIMPID_CHECK(!data.labels.empty(), FormatError, path.string(), ": holds no labelled texts");
  return data;
}

double roc_auc(std::span<const int> labels, std::span<const double> scores) {
  const auto order = order_by_score(scores);
  double wins = 0;  // in halves, exact: pairs of a positive above a negative count 2, ties 1
  size_t negatives = 0, positives = 0;
  for (size_t i = 0; i < order.size();) {
    size_t tied_positives = 0, tied_negatives = 0;
    const double score = scores[order[i]];
    for (; i < order.size() && scores[order[i]] == score; ++i)
      ++(labels[order[i]] == 1 ? tied_positives : tied_negatives);
    wins += double(tied_positives) * double(2 * negatives + tied_negatives);
    positives += tied_positives;
    negatives += tied_negatives;
  }
  return ratio(wins, 2.0 * double(positives) * double(negatives));
}

double average_precision(std::span<const int> labels, std::span<const double> scores) {
  const auto order = order_by_score(scores);
  const double total = double(std::count(labels.begin(), labels.end(), 1));
  double sum = 0;
  size_t hits = 0, seen = 0;
  for (size_t i = order.size(); i > 0;) {
    const double score = scores[order[i - 1]];
    const size_t before = hits;
    for (; i > 0 && scores[order[i - 1]] == score; --i, ++seen) hits += labels[order[i - 1]] == 1;
    sum += double(hits - before) * double(hits) / double(seen);
  }
  return ratio(sum, total);
}

double calibration_error(std::span<const double> confidences, std::span<const int> hits, size_t bins) {
  check_bins(bins);
  std::vector<size_t> bin_of(confidences.size());
  for (size_t i = 0; i < bin_of.size(); ++i) bin_of[i] = equal_bin(confidences[i], bins);
  return binned_error(confidences, hits, bin_of);
}

std::vector<ReliabilityBin> reliability_bins(std::span<const double> confidences, std::span<const int> hits,
                                             size_t bins) {
  check_bins(bins);
  std::vector<ReliabilityBin> table(bins);
  for (size_t i = 0; i < confidences.size(); ++i) {
    ReliabilityBin& bin = table[equal_bin(confidences[i], bins)];
    ++bin.count;
    bin.confidence += confidences[i];
    bin.hits += hits[i];
  }
  for (ReliabilityBin& bin : table) {
    if (bin.count == 0) continue;
    bin.confidence /= double(bin.count);
    bin.hits /= double(bin.count);
  }
  return table;
}

size_t exact_bin(double score, size_t bins, bool top_label) {
  Decimal decimal = to_decimal(score);
  if (decimal.places > 30) return top_label ? bins - 1 : 0;  // below 1e-13: far from every edge but 0
  unsigned __int128 unit = 1;
  for (int i = 0; i < decimal.places; ++i) unit *= 10;
  const auto confidence = top_label ? std::max(decimal.digits, unit - decimal.digits) : decimal.digits;
  return std::min(size_t(confidence * bins / unit), bins - 1);  // at most 10^30 · 10^6: fits in 128 bits
}

ScorerReport measure_scorer(const LabelledScores& data, const ScorerOptions& options) {
  check(data);
  ScorerReport report{};
  report.roc_auc = roc_auc(data.labels, data.scores);
  report.average_precision = average_precision(data.labels, data.scores);
  report.confusion = confuse(data, options.threshold);
  double squares = 0;
  for (size_t i = 0; i < data.scores.size(); ++i) squares += std::pow(data.scores[i] - data.labels[i], 2);
  report.brier = ratio(squares, double(data.scores.size()));
  for (size_t bins : options.bins) report.calibration[bins] = calibrate(data, options.threshold, bins);

  std::set<std::string> identities(options.identities.begin(), options.identities.end());
  if (identities.empty())
    for (const auto& mentioned : data.identities) identities.insert(mentioned.begin(), mentioned.end());
  if (data.identities.empty()) identities.clear();
  for (const std::string& identity : identities) report.identity_auc[identity] = identity_areas(data, identity);
  IdentityAuc& means = report.identity_power_mean;
  means = {power_mean(report.identity_auc, &IdentityAuc::subgroup, options.power),
           power_mean(report.identity_auc, &IdentityAuc::bpsn, options.power),
           power_mean(report.identity_auc, &IdentityAuc::bnsp, options.power), 0};
  report.combined = 0.25 * (report.roc_auc + means.subgroup + means.bpsn + means.bnsp);
  return report;
}

Json to_json(const ScorerReport& report) {
  const auto areas = [](const IdentityAuc& auc) {
    return Json{{"subgroup", number_or_null(auc.subgroup)},
                {"bpsn", number_or_null(auc.bpsn)},
                {"bnsp", number_or_null(auc.bnsp)}};
  };
  const Confusion& c = report.confusion;
  Json out = {{"roc_auc", number_or_null(report.roc_auc)},
              {"average_precision", number_or_null(report.average_precision)},
              {"brier", number_or_null(report.brier)},
              {"confusion",
               {{"tp", c.tp},
                {"fp", c.fp},
                {"fn", c.fn},
                {"tn", c.tn},
                {"accuracy", number_or_null(c.accuracy)},
                {"precision", number_or_null(c.precision)},
                {"recall", number_or_null(c.recall)},
                {"f1", number_or_null(c.f1)}}},
              {"identity_auc", Json::object()},
              {"identity_power_mean", areas(report.identity_power_mean)},
              {"combined", number_or_null(report.combined)}};
  for (const auto& [bins, errors] : report.calibration) {
    const std::string suffix = "_" + std::to_string(bins);
    out["calibration_error_score" + suffix] = number_or_null(errors.score);
    out["calibration_error_exact_score" + suffix] = number_or_null(errors.exact_score);
    out["calibration_error_top_label" + suffix] = number_or_null(errors.top_label);
    out["calibration_error_exact_top_label" + suffix] = number_or_null(errors.exact_top_label);
  }
  for (const auto& [identity, auc] : report.identity_auc) {
    out["identity_auc"][identity] = areas(auc);
    out["identity_auc"][identity]["size"] = auc.size;
  }
  return out;
}

}  // namespace limpid
