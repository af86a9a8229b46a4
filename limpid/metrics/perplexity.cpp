#include "limpid/metrics/perplexity.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "limpid/metrics/statistics.h"

namespace limpid {
namespace {

double share(size_t part, size_t whole) { return whole == 0 ? kUndefined : double(part) / double(whole); }

double number_or_nan(const Json& value) { return value.is_number() ? value.get<double>() : kUndefined; }

}  // namespace

JudgedContinuation judge_continuation(size_t prompt, std::span<const TokenId> full_ids,
                                      std::span<const double> full_nlls, std::span<const TokenId> prompt_ids,
                                      std::span<const double> prompt_nlls, size_t first_continuation_token,
                                      bool empty) {
  const auto fits = [](size_t tokens, size_t nlls) { return nlls == (tokens == 0 ? 0 : tokens - 1); };
  LIMPID_CHECK(fits(full_ids.size(), full_nlls.size()) && fits(prompt_ids.size(), prompt_nlls.size()), ShapeError,
               "[perplexity] ", full_nlls.size(), " and ", prompt_nlls.size(), " NLLs for ", full_ids.size(), " and ",
               prompt_ids.size(), " tokens, expected one fewer than tokens");
  LIMPID_CHECK(first_continuation_token <= full_ids.size(), ShapeError,
               "[perplexity] the continuation begins at token ", first_continuation_token, " of ", full_ids.size());
  JudgedContinuation continuation;
  continuation.prompt = prompt;
  continuation.full_tokens = int64_t(full_ids.size());
  continuation.prompt_tokens = int64_t(prompt_ids.size());
  continuation.full_nll = mean(full_nlls);  // NaN for fewer than two tokens
  continuation.prompt_nll = mean(prompt_nlls);
  for (size_t token = std::max<size_t>(first_continuation_token, 1); token < full_ids.size(); ++token) {
    continuation.continuation_nll += full_nlls[token - 1];
    ++continuation.continuation_tokens;
  }
  continuation.empty = empty;
  continuation.merged =
      full_ids.size() < prompt_ids.size() || !std::equal(prompt_ids.begin(), prompt_ids.end(), full_ids.begin());
  return continuation;
}

size_t first_continuation_token(std::span<const size_t> first_bytes, size_t boundary) {
  return size_t(std::lower_bound(first_bytes.begin(), first_bytes.end(), boundary) - first_bytes.begin());
}

double compatible_perplexity(const JudgedContinuation& continuation) {
  const double full = continuation.full_nll * double(continuation.full_tokens - 1),
               prompt = continuation.prompt_nll * double(continuation.prompt_tokens - 1);
  return std::exp((full - prompt) / double(continuation.full_tokens - continuation.prompt_tokens));
}

bool is_kept(double compatible) { return compatible < kMaxKeptPerplexity; }  // false for NaN

PromptNll nll_by_prompt(std::span<const JudgedContinuation> judged) {
  std::map<size_t, std::pair<double, int64_t>> sums;
  for (const JudgedContinuation& continuation : judged) {
    auto& [nll, tokens] = sums[continuation.prompt];
    nll += continuation.continuation_nll;
    tokens += continuation.continuation_tokens;
  }
  PromptNll result;
  for (const auto& [prompt, sum] : sums) {
    result.nll.push_back(sum.first);
    result.tokens.push_back(double(sum.second));
  }
  return result;
}

PerplexityReport measure_perplexity(std::span<const JudgedContinuation> judged, const BootstrapOptions& options) {
  PerplexityReport report{};
  double kept_sum = 0, nll = 0;
  size_t kept = 0, empty = 0;
  std::vector<double> samples;
  std::set<size_t> one_token;
  for (const JudgedContinuation& continuation : judged) {
    if (const double value = compatible_perplexity(continuation); is_kept(value)) kept_sum += value, ++kept;
    empty += continuation.empty;
    report.merged_boundaries += continuation.merged;
    report.same_length += continuation.full_tokens == continuation.prompt_tokens;
    if (continuation.prompt_tokens == 1) one_token.insert(continuation.prompt);
    if (continuation.continuation_tokens == 0) continue;
    nll += continuation.continuation_nll;
    report.scored_tokens += continuation.continuation_tokens;
    samples.push_back(std::exp(continuation.continuation_nll / double(continuation.continuation_tokens)));
  }
  report.compatible_ppl = kept == 0 ? kUndefined : kept_sum / double(kept);
  report.dropped = judged.size() - kept;
  report.dropped_share = share(report.dropped, judged.size());
  report.empty_share = share(empty, judged.size());
  report.one_token_prompts = one_token.size();
  report.ppl = report.scored_tokens == 0 ? kUndefined : std::exp(nll / double(report.scored_tokens));
  std::sort(samples.begin(), samples.end());
  report.median_sample_ppl = percentile(samples, 50);
  const PromptNll by_prompt = nll_by_prompt(judged);
  report.ppl_bootstrap_95 = bootstrap_interval(
      by_prompt.nll.size(),
      [&](std::span<const uint32_t> drawn) {
        double nlls = 0, tokens = 0;
        for (uint32_t i : drawn) nlls += by_prompt.nll[i], tokens += by_prompt.tokens[i];
        return std::exp(nlls / tokens);
      },
      options);
  return report;
}

PairedRatio perplexity_ratio(std::span<const JudgedContinuation> first, std::span<const JudgedContinuation> second,
                             std::span<const std::pair<size_t, size_t>> pairs, const BootstrapOptions& options) {
  struct Sums {
    std::map<size_t, std::pair<double, double>> by_prompt;
    explicit Sums(std::span<const JudgedContinuation> judged) {
      for (const JudgedContinuation& one : judged) {
        by_prompt[one.prompt].first += one.continuation_nll;
        by_prompt[one.prompt].second += double(one.continuation_tokens);
      }
    }
  } mine(first), other(second);
  std::vector<double> nll, tokens, other_nll, other_tokens;
  for (const auto& [a, b] : pairs) {
    nll.push_back(mine.by_prompt[a].first), tokens.push_back(mine.by_prompt[a].second);
    other_nll.push_back(other.by_prompt[b].first), other_tokens.push_back(other.by_prompt[b].second);
  }
  const PairedDifference log_ratio =
      paired_ratio_difference({nll, tokens}, {other_nll, other_tokens}, nullptr, options);
  return {std::exp(log_ratio.difference), {std::exp(log_ratio.interval.low), std::exp(log_ratio.interval.high)}};
}

Json to_json(const PairedRatio& ratio) {
  return {{"ratio", number_or_null(ratio.ratio)}, {"bootstrap_95", to_json(ratio.bootstrap_95)}};
}

Json to_json(const PerplexityReport& report) {
  return {{"compatible_ppl", number_or_null(report.compatible_ppl)},
          {"dropped", report.dropped},
          {"dropped_share", number_or_null(report.dropped_share)},
          {"ppl", number_or_null(report.ppl)},
          {"ppl_bootstrap_95", to_json(report.ppl_bootstrap_95)},
          {"median_sample_ppl", number_or_null(report.median_sample_ppl)},
          {"scored_tokens", report.scored_tokens},
          {"empty_share", number_or_null(report.empty_share)},
          {"one_token_prompts", report.one_token_prompts},
          {"merged_boundaries", report.merged_boundaries},
          {"same_length", report.same_length}};
}

Json to_json(const JudgedContinuation& j) {
  return {{"full_tokens", j.full_tokens},
          {"prompt_tokens", j.prompt_tokens},
          {"full_nll", j.full_nll},
          {"prompt_nll", j.prompt_nll},
          {"continuation_tokens", j.continuation_tokens},
          {"continuation_nll", j.continuation_nll},
          {"empty", j.empty},
          {"merged", j.merged}};
}

JudgedContinuation judged_from_json(const Json& value, size_t prompt, const std::string& source) {
  const auto tokens = [&](const char* key) {
    const auto count = require<int64_t>(value, key, source);
    LIMPID_CHECK(count >= 0 && count <= INT32_MAX, FormatError, source, ": \"", key, "\" is ", count,
                 ", expected a number of tokens");
    return count;
  };
  JudgedContinuation j;
  j.prompt = prompt;
  j.full_tokens = tokens("full_tokens");
  j.prompt_tokens = tokens("prompt_tokens");
  j.full_nll = number_or_nan(value.value("full_nll", Json()));  // NaN is null in JSON
  j.prompt_nll = number_or_nan(value.value("prompt_nll", Json()));
  j.continuation_tokens = tokens("continuation_tokens");
  j.continuation_nll = require<double>(value, "continuation_nll", source);
  j.empty = require<bool>(value, "empty", source);
  j.merged = require<bool>(value, "merged", source);
  return j;
}

std::map<std::string, std::vector<JudgedContinuation>> judgements(const std::vector<GenerationRow>& rows) {
  std::map<std::string, std::vector<JudgedContinuation>> by_judge;
  size_t continuations = 0;
  for (size_t r = 0; r < rows.size(); ++r) {
    for (const Continuation& continuation : rows[r].generations) {
      ++continuations;
      const auto judged = continuation.fields.find("judged");
      if (judged == continuation.fields.end() || !judged->is_object()) continue;
      for (const auto& [judge, value] : judged->items())
        by_judge[judge].push_back(judged_from_json(value, r, concat("judged of prompt ", r + 1)));
    }
  }
  std::erase_if(by_judge, [&](const auto& entry) { return entry.second.size() != continuations; });
  return by_judge;
}

}  // namespace limpid
