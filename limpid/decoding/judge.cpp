#include "limpid/decoding/judge.h"

#include <algorithm>
#include <cmath>

#include "limpid/decoding/logits.h"

namespace limpid {
namespace {

constexpr int64_t kRowsAtATime = 64;  // logits of a wide vocabulary are large: 64 rows of 262,144 are 64 MiB

/// Writes nll and best token of each of `targets`, drawn from the state in the same row. @throws
/// LikelihoodError.
void score_rows(const Model& model, const Tensor& states, std::span<const TokenId> targets, double* nll,
                TokenId* best) {
  for (int64_t first = 0; first < states.size(0); first += kRowsAtATime) {
    const int64_t count = std::min(kRowsAtATime, states.size(0) - first);
    const Tensor logits = model.output_matrix(states.narrow(0, first, count));
    const int64_t V = logits.size(1);
    const float* rows = logits.const_data_ptr<float>();
    kernels::parallel_for(size_t(count), [&](size_t r) {
      const float* z = rows + int64_t(r) * V;
      const size_t position = size_t(first) + r;
      nll[position] = log_sum_exp({z, size_t(V)}) - double(z[targets[position]]);
      if (best) best[position] = TokenId(std::max_element(z, z + V) - z);
    });
  }
  for (size_t i = 0; i < targets.size(); ++i)
    LIMPID_CHECK(std::isfinite(nll[i]), LikelihoodError, "[judge] ", model.path().string(), ": token ", i + 1, " of ",
                 targets.size(), " has no likelihood: logits are infinite or not numbers");
}

void check_ids(const Model& model, std::span<const TokenId> ids) {
  for (TokenId id : ids)
    LIMPID_CHECK(id >= 0 && id < model.config().vocab_size, ShapeError, "token id ", id,
                 " is outside the vocabulary of ", model.config().vocab_size);
}

}  // namespace

TokenLikelihoods likelihoods(const Model& model, std::span<const TokenId> ids) {
  torch::NoGradGuard no_grad;
  TokenLikelihoods result;
  if (ids.size() < 2) return result;
  check_ids(model, ids);
  nn::KvCache cache = model.make_cache();
  const nn::Sequence sequence{&cache, ids.first(ids.size() - 1)};
  nn::Pass pass({&sequence, 1});
  const Tensor states = model.final_state(pass, Outputs::All);
  result.nll.resize(ids.size() - 1);
  result.best.resize(ids.size() - 1);
  score_rows(model, states, ids.subspan(1), result.nll.data(), result.best.data());
  return result;
}

std::vector<std::vector<double>> continuation_likelihoods(const Model& model, std::span<const TokenId> prompt,
                                                          std::span<const TokenIds> continuations,
                                                          ActivationHook* hook) {
  torch::NoGradGuard no_grad;
  LIMPID_CHECK(!prompt.empty(), ConfigError,
               "[judge] the prompt has no tokens, so the first token after it has no context");
  check_ids(model, prompt);
  nn::KvCache cache = model.make_cache();
  if (prompt.size() > 1) {
    const nn::Sequence sequence{&cache, prompt.first(prompt.size() - 1)};
    nn::Pass pass({&sequence, 1});
    model.final_state(pass, Outputs::Last, hook);
  }
  // Each continuation is read behind the prompt's last token, all of them in one pass.
  std::vector<TokenIds> inputs;
  TokenIds targets;
  std::vector<nn::KvCache> caches;
  for (const TokenIds& continuation : continuations) {
    check_ids(model, continuation);
    if (continuation.empty()) continue;
    TokenIds input{prompt.back()};
    input.insert(input.end(), continuation.begin(), continuation.end() - 1);
    inputs.push_back(std::move(input));
    targets.insert(targets.end(), continuation.begin(), continuation.end());
    caches.push_back(cache);
  }
  std::vector<std::vector<double>> result(continuations.size());
  if (inputs.empty()) return result;
  std::vector<nn::Sequence> sequences;
  for (size_t i = 0; i < inputs.size(); ++i) sequences.push_back({&caches[i], inputs[i]});
  nn::Pass pass(sequences);
  const Tensor states = model.final_state(pass, Outputs::All, hook);
  std::vector<double> nll(targets.size());
  score_rows(model, states, targets, nll.data(), nullptr);
  size_t begin = 0;
  for (size_t i = 0; i < continuations.size(); ++i) {
    result[i].assign(nll.begin() + int64_t(begin), nll.begin() + int64_t(begin + continuations[i].size()));
    begin += continuations[i].size();
  }
  return result;
}

}  // namespace limpid
