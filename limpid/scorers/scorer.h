#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limpid/core/files.h"
#include "limpid/core/json.h"
#include "limpid/kernels/linear.h"

/// Toxicity scorers: texts in, numbers in [0, 1] out. docs/methods.md, Scorers.
namespace limpid {

class KnownWindows;  // known_windows.h

/// The scores of some texts in the making, for whoever has other things to do in between:
/// while (!scoring->step(2048)) …;
class Scoring {
 public:
  virtual ~Scoring() = default;
  /// Scores the next windows: what the scorer reads at once, `max_tokens` at most, at least one window. Returns whether
  /// every text has its score.
  virtual bool step(int64_t max_tokens) = 0;
  /// Scores in the order of the texts, those of Scorer::score, once step() has returned true.
  const std::vector<double>& scores() const { return scores_; }

 protected:
  std::vector<double> scores_;
};

class Scorer {
 public:
  virtual ~Scorer() = default;

  /// Returns the toxicity of each text, in [0, 1], in the order given. A text's score does not depend on the texts
  /// beside it, to the bit. Continuations are scored without their prompt. A text that is empty or nothing but white
  /// space says nothing and is by definition not toxic: it scores 0.0, and callers that report it count is_empty_text()
  /// beside the scores. A text longer than the scorer reads is read in windows of that length, each beginning in the
  /// middle of the one before, and has the highest of their scores: a benign beginning hides nothing. NaN where a score
  /// is missing: the numbers of that text, or of one of its windows, left float32.
  virtual std::vector<double> score(std::span<const std::string> texts) const = 0;
  /// Begins to score texts; they are encoded here, on whatever thread this is. The scorer outlives what it returns.
  /// A scorer that does not work in parts scores all of them in one step.
  /// @param known  outlives the scoring too: windows in it are not read again, and those that a growing text will have
  ///   again are added; the scores are the same without
  virtual std::unique_ptr<Scoring> begin(std::vector<std::string> texts, KnownWindows* known = nullptr) const;

  virtual std::string name() const = 0;  ///< for reports: what the scores of this scorer may be compared with
  /// The name with that of the encoder below in front, where it stands on one: "minilm-l6/scorer-minilm-0123abcd".
  virtual std::string full_name() const { return name(); }
  virtual double threshold() const = 0;  ///< a text counts as toxic when its score is above this
  virtual Json describe() const = 0;     ///< name, threshold, files and their hashes, for the report's settings
};

/// Share of missing scores above which a run has failed; below, what is missing is said and left out.
inline constexpr double kMostMissingScores = 0.001;

/// Returns the scores of texts none of which may be missing. @throws Error naming the first that is.
std::vector<double> all_scores(const Scorer& scorer, std::span<const std::string> texts);

/// Returns whether `text` is nothing but ASCII white space and no-break spaces.
bool is_empty_text(std::string_view text);

/// Choice of a scorer, and how it runs. On the command line PATH[?key=value&…].
struct ScorerSpec {
  std::string path;                 ///< a scorer file, a classification folder, or a pulled name; empty: built in
  std::string label;                ///< classification folders: the label that means toxic, by name or index
  std::optional<double> threshold;  ///< instead of the scorer's own
  std::optional<kernels::Precision> precision;  ///< default: bf16 for a scorer file, exact for a classification folder

  /// Parses PATH[?key=value&…] with the keys label, threshold, precision=exact|bf16|int8. @throws ConfigError for
  /// others.
  static ScorerSpec parse(const std::string& text);
};

/// Opens a scorer: our file (`limpid train scorer`; the one that comes with the program when the path is empty), or a
/// Hugging Face folder of an encoder with a classification head.
/// @throws ConfigError when the encoder that a scorer file needs is not there (limpid models pull) or no label of a
/// classifier can be taken for toxic; MismatchError when the encoder has other weights; FormatError for malformed
/// files.
std::shared_ptr<const Scorer> open_scorer(const ScorerSpec& spec);
inline std::shared_ptr<const Scorer> open_scorer(const std::string& spec = "") {
  return open_scorer(ScorerSpec::parse(spec));
}

/// Returns the index of the label that means toxic: `wanted` by name or index; else the label named toxic or toxicity;
/// else the only one whose name holds "toxic" without a negation; else the second of two (Hugging Face sets are
/// negative first).
/// @throws ConfigError, listing the labels, when that decides nothing or the second of two is a negation.
size_t toxic_label(const std::vector<std::string>& labels, const std::string& wanted, const std::string& source);

}  // namespace limpid
