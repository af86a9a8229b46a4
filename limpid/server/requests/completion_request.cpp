#include "limpid/server/requests/generation_fields.h"
#include "limpid/server/requests/generation_request.h"
#include "limpid/server/requests/token_ids.h"

namespace limpid::server {

namespace {

using Prompt = std::variant<std::string, TokenIds>;

constexpr size_t kMaxPrompts = 256;
constexpr const char* kPromptForm = "a string, a list of token ids, or a list of these";

TokenIds read_prompt_ids(const Json& list, const std::string& path, const ServerFacts& facts) {
  if (list.empty()) throw invalid_value(path, "an empty list", "at least one token id");
  return read_token_ids(list, path, facts.vocabulary);
}

std::vector<Prompt> read_prompts(Fields& body, const ServerFacts& facts) {
  const Json& prompt = body.require("prompt", kPromptForm);
  if (prompt.is_string()) return {prompt.get<std::string>()};
  if (!prompt.is_array()) throw invalid_type("prompt", prompt, kPromptForm);
  if (prompt.empty() || prompt[0].is_number()) return {read_prompt_ids(prompt, "prompt", facts)};
  if (prompt.size() > kMaxPrompts)
    throw invalid_value("prompt", concat("a list of ", prompt.size()), concat("at most ", kMaxPrompts, " prompts"));
  std::vector<Prompt> prompts;
  for (const Json& one : prompt) {
    const std::string path = concat("prompt[", prompts.size(), "]");
    if (one.is_string())
      prompts.emplace_back(one.get<std::string>());
    else if (one.is_array())
      prompts.emplace_back(read_prompt_ids(one, path, facts));
    else
      throw invalid_type(path, one, "a string or a list of token ids");
  }
  return prompts;
}

}  // namespace

GenerationRequest read_completion_request(const Json& json, const ServerFacts& facts) {
  Fields body(json);
  GenerationRequest request;
  request.prompts = read_prompts(body, facts);
  request.echo = body.flag("echo").value_or(false);
  body.refuse({"suffix"});
  read_shared_fields(body, facts, request);
  if (const std::optional<int64_t> top = body.integer("logprobs", {0, 20})) request.log_probs = size_t(*top);
  finish_reading(body, request);
  return request;
}

}  // namespace limpid::server
