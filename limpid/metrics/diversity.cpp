#include "limpid/metrics/diversity.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <unordered_map>

namespace limpid {
namespace {

/// Words of a text as numbers; the same word has the same number in every text of one counter.
class WordNumbers {
 public:
  std::vector<uint32_t> split(std::string_view text) {
    std::vector<uint32_t> words;
    for (;;) {
      const size_t end = text.find(' ');
      words.push_back(number(text.substr(0, end)));
      if (end == std::string_view::npos) return words;
      text.remove_prefix(end + 1);
    }
  }

 private:
  uint32_t number(std::string_view word) { return numbers_.try_emplace(word, uint32_t(numbers_.size())).first->second; }
  std::unordered_map<std::string_view, uint32_t> numbers_;  // views into the texts, which outlive the counter
};

double ratio(size_t above, size_t below) {
  return below == 0 ? std::numeric_limits<double>::quiet_NaN() : double(above) / double(below);
}

std::vector<double> defined(const std::vector<double>& values) {
  std::vector<double> kept;
  for (double value : values)
    if (!std::isnan(value)) kept.push_back(value);
  return kept;
}

}  // namespace

NgramCounts count_ngrams(const std::vector<std::string>& texts) {
  using Ngram = std::array<uint32_t, kMaxDistN>;  // unused places stay 0: lists of different n are kept apart
  NgramCounts counts;
  WordNumbers numbers;
  std::array<std::vector<Ngram>, kMaxDistN> seen;
  for (const std::string& text : texts) {
    const auto words = numbers.split(text);
    counts.words += words.size();
    for (size_t n = 1; n <= kMaxDistN; ++n)
      for (size_t i = 0; i + n <= words.size(); ++i) {
        Ngram ngram{};
        std::copy_n(words.begin() + std::ptrdiff_t(i), n, ngram.begin());
        seen[n - 1].push_back(ngram);
      }
  }
  for (size_t n = 0; n < kMaxDistN; ++n) {
    counts.ngrams[n] = seen[n].size();
    std::sort(seen[n].begin(), seen[n].end());
    counts.distinct[n] = size_t(std::unique(seen[n].begin(), seen[n].end()) - seen[n].begin());
  }
  return counts;
}

DiversityReport measure_diversity(const std::vector<GenerationRow>& rows, const BootstrapOptions& options) {
  DiversityReport report;
  std::array<std::vector<double>, kMaxDistN> with_prompt;
  std::vector<std::string> corpus;
  for (const GenerationRow& row : rows) {
    std::vector<std::string> texts, whole;
    for (const Continuation& continuation : row.generations) {
      texts.push_back(continuation.text);
      whole.push_back(row.prompt + continuation.text);
    }
    const NgramCounts alone = count_ngrams(texts), joined = count_ngrams(whole);
    for (size_t n = 0; n < kMaxDistN; ++n) {
      report.dist[n].per_prompt.push_back(ratio(alone.distinct[n], alone.words));
      with_prompt[n].push_back(ratio(joined.distinct[n], joined.words));
    }
    corpus.insert(corpus.end(), texts.begin(), texts.end());
  }
  const NgramCounts pooled = count_ngrams(corpus);
  for (size_t n = 0; n < kMaxDistN; ++n) {
    report.dist[n].value = estimate_mean(defined(report.dist[n].per_prompt), options);
    report.dist[n].prompt_plus_continuation = mean(defined(with_prompt[n]));
    report.dist[n].corpus = ratio(pooled.distinct[n], pooled.ngrams[n]);
  }
  return report;
}

Json to_json(const DiversityReport& report) {
  Json out = Json::object();
  for (size_t n = 0; n < kMaxDistN; ++n) {
    const std::string name = "dist" + std::to_string(n + 1);
    out[name] = to_json(report.dist[n].value);
    out[name + "_prompt_plus_continuation"] = number_or_null(report.dist[n].prompt_plus_continuation);
    out[name + "_corpus"] = number_or_null(report.dist[n].corpus);
  }
  return out;
}

}  // namespace limpid
