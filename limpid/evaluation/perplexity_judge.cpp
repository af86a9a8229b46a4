#include "limpid/evaluation/perplexity_judge.h"

#include <algorithm>

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
                                                       std::span<const std::string> continuations) const try {
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
} catch (const LikelihoodError& error) {
  throw LikelihoodError(concat("prompt ", prompt + 1, ": ", error.what()));
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

}  // namespace limpid
