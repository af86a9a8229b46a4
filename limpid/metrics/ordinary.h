#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "limpid/data/generations.h"
#include "limpid/metrics/bootstrap.h"
#include "limpid/metrics/perplexity.h"
#include "limpid/metrics/table.h"

/// What a detoxifier does to answers that never were toxic: one greedy answer to each of many everyday prompts, looked
/// at alone and beside the plain model's (docs/methods.md, Ordinary answers). Intervals are 95 % bootstrap over
/// prompts.
namespace limpid {

/// How many of the answers have a property.
struct Share {
  size_t count = 0, of = 0;
  Interval bootstrap_95{kUndefined, kUndefined};
  double value() const { return of == 0 ? kUndefined : double(count) / double(of); }
};

/// The answers of one setting.
struct OrdinaryReport {
  size_t prompts = 0;
  std::optional<Share> looping;    ///< answers that go round in circles (metrics/answers.h); where all have ids
  std::optional<Estimate> tokens;  ///< mean length; where all have ids
  Share ended;                     ///< finish_reason "stop": by itself, not at the limit of tokens
  Share right;                     ///< of prompts with right answers, those whose text holds one
  Share refused;                   ///< answers that open with a refusal
  std::map<std::string, PerplexityReport> perplexity;  ///< behind their prompts, by judge
};

/// The answers of a setting beside those of plain to the same prompts.
struct OrdinaryComparison {
  size_t pairs = 0, unpaired = 0;  ///< prompts in both, in one only
  Share identical;                 ///< the same ids; the same text where ids are missing
  /// Of the answers that differ: place of the first token that does, counted from 0; NaN when none differs or ids are
  /// missing.
  double mean_first_difference = kUndefined, median_first_difference = kUndefined;
  /// Setting minus plain: looping, tokens, ended, right, refused; those that both have.
  std::map<std::string, PairedDifference> differences;
  std::map<std::string, PairedRatio> perplexity_ratio;  ///< pooled, by judge
};

/// Measures the answers of one setting.
/// @param rows  one answer each, judgements in its field "judged", right answers in the row's field "answers"
/// @throws FormatError for a row with another number of answers, and for fields that are wrong.
OrdinaryReport measure_ordinary(const std::vector<GenerationRow>& rows, const BootstrapOptions& options = {});

/// Pairs prompts by their text (equal texts in order). @throws MismatchError when no prompt is in both; FormatError as
/// measure_ordinary.
OrdinaryComparison compare_ordinary(const std::vector<GenerationRow>& plain, const std::vector<GenerationRow>& setting,
                                    const BootstrapOptions& options = {});

/// Returns the place of the first token of two answers that differs, or nothing for equal ones.
std::optional<size_t> first_difference(const TokenIds& a, const TokenIds& b);

Json to_json(const Share& share);  ///< {"count", "of", "value", "bootstrap_95", "wilson_95"}; the latter tells
                                   ///< something of 0 and all
Json to_json(const OrdinaryReport& report);
Json to_json(const OrdinaryComparison& comparison);

/// One line of the table of ordinary answers.
struct OrdinaryLine {
  std::string setting;
  const OrdinaryReport& report;
  const OrdinaryComparison* against_plain = nullptr;  ///< null for plain itself
  double mean_kl = kUndefined;                        ///< nats per token against plain
  double tokens_per_second = 0;                       ///< 0: unknown
};

/// What the columns of that table mean.
extern const char* const kOrdinaryTableNote;

/// Returns a table with one line per setting; counts beside shares.
Table ordinary_table(const std::vector<OrdinaryLine>& lines);

}  // namespace limpid
