#include "limpid/evaluation/perplexity_judge.h"

#include <algorithm>
#include <cmath>

#include "limpid/core/watch.h"
#include "limpid/decoding/judge.h"

namespace limpid {

PerplexityJudge::PerplexityJudge(std::shared_ptr<const Model> model, std::string name)
    : model_(std::move(model)),
      name_(std::move(name)) {
  LIMPID_CHECK(model_->tokenizer(), ConfigError, name_,
               ": a judge needs a tokenizer, and this model's folder has none");
}

namespace {

/// Returns the byte of the text at which each token begins. A dummy space that the tokenizer puts in front is not part
/// of the text.
std::vector<size_t> first_bytes(const Tokenizer& tokenizer, const TokenIds& ids) {
  std::vector<size_t> begins;
  size_t begin = 0, dummy = tokenizer.has_dummy_prefix() ? 1 : 0;
  for (TokenId id : ids) {
    begins.push_back(begin);
    size_t bytes = tokenizer.token_bytes(id).size();
    const size_t eaten = std::min(dummy, bytes);
    dummy -= eaten;
    begin += bytes - eaten;
  }
  return begins;
}

}  // namespace

std::vector<JudgedContinuation> PerplexityJudge::judge(size_t prompt, const std::string& prompt_text,
                                                       std::span<const std::string> continuations) const {
  const Tokenizer& tokenizer = *model_->tokenizer();
  const TokenIds prompt_ids = tokenizer.encode(prompt_text, true);
  std::vector<TokenIds> full;
  for (const std::string& text : continuations) full.push_back(tokenizer.encode(prompt_text + text, true));

  // Tokens may merge across the boundary: what all texts share with the prompt's own tokens is read once.
  size_t shared = prompt_ids.size();
  for (const TokenIds& ids : full)
    shared = std::min<size_t>(
        shared,
        size_t(std::mismatch(prompt_ids.begin(), prompt_ids.end(), ids.begin(), ids.end()).first - prompt_ids.begin()));
  const std::vector<double> prompt_nlls = likelihoods(*model_, prompt_ids).nll;

  std::vector<std::vector<double>> tails(full.size());
  if (shared > 0) {
    std::vector<TokenIds> rests;
    for (const TokenIds& ids : full) rests.emplace_back(ids.begin() + int64_t(shared), ids.end());
    tails = continuation_likelihoods(*model_, std::span(prompt_ids).first(shared), rests);
  } else {
    for (size_t i = 0; i < full.size(); ++i) tails[i] = likelihoods(*model_, full[i]).nll;
  }
  std::vector<JudgedContinuation> judged;
  for (size_t i = 0; i < full.size(); ++i) {
    std::vector<double> nlls(prompt_nlls.begin(), prompt_nlls.begin() + int64_t(shared > 0 ? shared - 1 : 0));
    nlls.insert(nlls.end(), tails[i].begin(), tails[i].end());
    const size_t boundary = first_continuation_token(first_bytes(tokenizer, full[i]), prompt_text.size());
    judged.push_back(
        judge_continuation(prompt, full[i], nlls, prompt_ids, prompt_nlls, boundary, continuations[i].empty()));
  }
  return judged;
}

std::vector<JudgedContinuation> judge_rows(const PerplexityJudge& judge, const std::vector<GenerationRow>& rows,
                                           Watch& watch) {
  std::vector<JudgedContinuation> judged;
  Progress progress(watch, "judge " + judge.name(), rows.size(), "prompts");
  for (size_t r = 0; r < rows.size(); ++r) {
    watch.throw_if_stopped();
    std::vector<std::string> texts;
    for (const Continuation& generation : rows[r].generations) texts.push_back(generation.text);
    for (JudgedContinuation& continuation : judge.judge(r, rows[r].prompt, texts))
      judged.push_back(std::move(continuation));
    progress.update(r + 1);
  }
  progress.finish();
  return judged;
}

namespace {

double number_or_nan(const Json& value) { return value.is_number() ? value.get<double>() : std::nan(""); }

}  // namespace

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
  JudgedContinuation j;
  j.prompt = prompt;
  j.full_tokens = require<int64_t>(value, "full_tokens", source);
  j.prompt_tokens = require<int64_t>(value, "prompt_tokens", source);
  j.full_nll = number_or_nan(value.value("full_nll", Json()));  // NaN is null in JSON
  j.prompt_nll = number_or_nan(value.value("prompt_nll", Json()));
  j.continuation_tokens = require<int64_t>(value, "continuation_tokens", source);
  j.continuation_nll = require<double>(value, "continuation_nll", source);
  j.empty = require<bool>(value, "empty", source);
  j.merged = require<bool>(value, "merged", source);
  return j;
}

}  // namespace limpid
