#pragma once

#include <torch/types.h>

#include <map>

#include "limpid/decoding/generator.h"
#include "limpid/methods/fusion/fusion.h"

namespace limpid::testing_support {

/// Tokens and the logits each of them was picked from, [steps, V].
struct Written {
  TokenIds ids;
  torch::Tensor logits;
};

inline Request greedy_request(uint64_t sample, TokenIds prompt, int64_t tokens, std::vector<float> strengths) {
  Request request;
  request.sample = sample;
  request.prompt = sample;
  request.prompt_ids = std::move(prompt);
  request.sampling.greedy = true;
  request.stop.max_new_tokens = tokens;  // no stop tokens: the end token does not stop
  request.strengths = std::move(strengths);
  return request;
}

/// Decodes all requests in one Generator; run i is that of the request with sample i.
inline std::vector<Written> decode(std::shared_ptr<const Model> model, std::vector<std::unique_ptr<Session>> sessions,
                                   const std::vector<Request>& requests, std::vector<float> uniforms = {}) {
  GeneratorOptions options;
  std::map<uint64_t, std::vector<torch::Tensor>> logits;
  options.on_logits = [&](const Row& row, std::span<const float> z) {
    logits[row.request.sample].push_back(torch::tensor(at::ArrayRef<float>(z.data(), z.size())));
  };
  if (!uniforms.empty()) options.uniform = [&](const Row& row) { return uniforms.at(row.new_ids.size()); };
  Generator generator(std::move(model), std::move(sessions), options);
  for (const Request& request : requests) generator.submit(request);
  std::vector<Written> runs(requests.size());
  generator.run([&](Completion completion) {
    completion.check();
    runs.at(completion.sample).ids = std::move(completion.ids);
  });
  for (auto& [sample, steps] : logits) runs.at(sample).logits = torch::stack(steps);
  return runs;
}

inline std::vector<std::unique_ptr<Session>> one_session(std::unique_ptr<Session> session) {
  std::vector<std::unique_ptr<Session>> sessions;
  sessions.push_back(std::move(session));
  return sessions;
}

/// The sessions of a detoxifier, or of the parts that it stands for.
inline std::vector<std::unique_ptr<Session>> sessions_of(const Model& model, const Detoxifier& detoxifier) {
  if (detoxifier.parts().empty()) return one_session(detoxifier.open(model));
  std::vector<std::unique_ptr<Session>> sessions;
  for (const Detoxifier::Part& part : detoxifier.parts()) sessions.push_back(part.detoxifier->open(model));
  return sessions;
}

/// The strengths of those sessions at a strength of the detoxifier.
inline std::vector<float> strengths_of(const Detoxifier& detoxifier, float strength) {
  if (detoxifier.parts().empty()) return {strength};
  std::vector<float> strengths;
  for (const Detoxifier::Part& part : detoxifier.parts()) strengths.push_back(strength * part.strength);
  return strengths;
}

/// One request per strength, greedy, all in one batch.
inline std::vector<Written> decode_with(const std::shared_ptr<const Model>& model, const Detoxifier& detoxifier,
                                        const TokenIds& prompt, int64_t tokens, const std::vector<float>& strengths) {
  std::vector<Request> requests;
  for (size_t i = 0; i < strengths.size(); ++i)
    requests.push_back(greedy_request(i, prompt, tokens, strengths_of(detoxifier, strengths[i])));
  return decode(model, sessions_of(*model, detoxifier), requests);
}

inline std::vector<Written> decode_plain(const std::shared_ptr<const Model>& model, const TokenIds& prompt,
                                         int64_t tokens) {
  return decode(model, {}, {greedy_request(0, prompt, tokens, {})});
}

}  // namespace limpid::testing_support
