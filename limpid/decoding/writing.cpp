#include "limpid/decoding/writing.h"

#include "limpid/decoding/prompts.h"

namespace limpid {
namespace {

Request request_behind(TokenIds ids, const Model& model, const WritingOptions& options) {
  Request request;
  request.prompt_ids = std::move(ids);
  request.sampling = options.sampling;
  request.stop.max_new_tokens = options.tokens;
  request.stop.stop_strings = options.stop;
  if (!options.ignore_end) request.stop.stop_tokens = end_tokens(model);
  return request;
}

}  // namespace

Request make_request(const Model& model, const std::string& prompt, const WritingOptions& options) {
  if (!options.chat) return request_behind(prompt_ids(tokenizer_of(model), prompt), model, options);
  std::vector<Turn> turns;
  if (options.system) turns.push_back({"system", *options.system});
  turns.push_back({"user", prompt});
  return make_request(model, turns, options);
}

Request make_request(const Model& model, const std::vector<Turn>& conversation, const WritingOptions& options) {
  return request_behind(chat_prompt_ids(tokenizer_of(model), conversation), model, options);
}

void check_fits(const Model& model, const Request& request, const std::string& place) {
  const int64_t limit = model.config().max_positions, prompt = int64_t(request.prompt_ids.size());
  LIMPID_CHECK(limit == 0 || (prompt <= limit && request.stop.max_new_tokens <= limit - prompt), ConfigError, place,
               "the prompt has ", prompt, " tokens and ", request.stop.max_new_tokens,
               " new ones are asked for, the model's context has ", limit);
}

}  // namespace limpid
