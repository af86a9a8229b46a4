#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "limpid/core/types.h"
#include "limpid/data/generations.h"
#include "limpid/metrics/bootstrap.h"

/// Perplexity of continuations under a judge model, given the judge's negative log-likelihoods (nats), in two modes.
///
/// Compatible (docs/methods.md, Perplexity, the code of DExperts, DeStein and UniDetox, with its quirks): n_p tokens of
/// the prompt and n_f of prompt + continuation, each tokenised separately; nll(s) the mean over positions 2..n:
/// - ppl_ij = exp((nll(full) (n_f - 1) - nll(prompt) (n_p - 1)) / (n_f - n_p)), kept if ppl_ij < 1e4
/// - PPL = mean over the kept
///
/// A one-token prompt has no mean (NaN), an empty continuation is 0 / 0, and both vanish; where tokens merge so that
/// n_f = n_p the quotient is ±inf, and exp(-inf) = 0 is kept; n_f < n_p gives a value of the wrong sign.
///
/// Recommended: a token belongs to the continuation if its first byte lies at or after the boundary:
///   PPL = exp(sum of NLL over all continuation tokens / number of them)
/// The first token of a text is never scored, since nothing stands before it. Also: the median over samples, and how
/// many continuations are empty.
namespace limpid {

inline constexpr double kMaxKeptPerplexity = 1e4;

/// The judge's likelihoods of one continuation.
struct JudgedContinuation {
  size_t prompt = 0;  ///< which prompt it continues, for intervals over prompts
  int64_t full_tokens = 0, prompt_tokens = 0;
  double full_nll = 0, prompt_nll = 0;  ///< mean over positions 2..n; NaN for fewer than two tokens
  int64_t continuation_tokens = 0;      ///< scored tokens of the continuation
  double continuation_nll = 0;          ///< their sum
  bool empty = false;                   ///< the text is "": a lone space is not empty
  bool merged = false;                  ///< the tokens of the full text do not begin with those of the prompt
};

Json to_json(const JudgedContinuation& judged);
/// @throws FormatError that begins with `source`.
JudgedContinuation judged_from_json(const Json& value, size_t prompt, const std::string& source);

/// Returns what the judges of a generations file said (the continuations' field "judged"), by judge, in the order of
/// the continuations; `prompt` is the place in `rows`. Only judges of every continuation. @throws FormatError.
std::map<std::string, std::vector<JudgedContinuation>> judgements(const std::vector<GenerationRow>& rows);

/// Puts together one judged continuation from token NLLs.
/// @param full_ids    [n_f] tokens of prompt + continuation.  @param full_nlls    [n_f - 1] of positions 2..n_f
/// @param prompt_ids  [n_p] tokens of the prompt alone.       @param prompt_nlls  [n_p - 1]
/// @param first_continuation_token  see first_continuation_token(); n_f if there is none.
/// @throws ShapeError when the lengths do not fit.
JudgedContinuation judge_continuation(size_t prompt, std::span<const TokenId> full_ids,
                                      std::span<const double> full_nlls, std::span<const TokenId> prompt_ids,
                                      std::span<const double> prompt_nlls, size_t first_continuation_token, bool empty);

/// Returns the first token whose first byte lies at or after `boundary`; the number of tokens if none does.
/// @param first_bytes  where each token begins in the text, not decreasing.
size_t first_continuation_token(std::span<const size_t> first_bytes, size_t boundary);

/// Returns the compatible value of one continuation: NaN or infinite where undefined.
double compatible_perplexity(const JudgedContinuation& continuation);
bool is_kept(double compatible);

struct PerplexityReport {
  double compatible_ppl;  ///< NaN if nothing is kept
  size_t dropped;
  double dropped_share;
  double ppl;                 ///< recommended, pooled over all tokens
  Interval ppl_bootstrap_95;  ///< prompts drawn, ratio of sums
  double median_sample_ppl;   ///< over continuations with scored tokens
  int64_t scored_tokens;
  double empty_share;
  /// Counts of the quirks; same_length: n_f = n_p.
  size_t one_token_prompts, merged_boundaries, same_length;
};

/// Measures perplexity in both modes.
/// @param judged  all continuations of all prompts, those of one prompt with the same `prompt`.
PerplexityReport measure_perplexity(std::span<const JudgedContinuation> judged, const BootstrapOptions& options = {});

/// Sums of NLL and of tokens for each prompt, in the order of the prompts: for paired comparison of two runs.
struct PromptNll {
  std::vector<double> nll, tokens;
};
PromptNll nll_by_prompt(std::span<const JudgedContinuation> judged);

/// A quantity of one run over that of another, over the same prompts.
struct PairedRatio {
  double ratio = kUndefined;
  Interval bootstrap_95{kUndefined, kUndefined};
};

/// Returns pooled perplexity of the second run over that of the first.
/// @param pairs  places of the prompts in both, as pair_by_prompt() finds them
PairedRatio perplexity_ratio(std::span<const JudgedContinuation> first, std::span<const JudgedContinuation> second,
                             std::span<const std::pair<size_t, size_t>> pairs, const BootstrapOptions& options = {});

Json to_json(const PairedRatio& ratio);        ///< {"ratio", "bootstrap_95"}
Json to_json(const PerplexityReport& report);  ///< an object with the names above

}  // namespace limpid
