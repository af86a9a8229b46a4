#include "limpid/decoding/writing.h"

#include "limpid/decoding/prompts.h"

namespace limpid {

Request make_request(const Model& model, const std::string& prompt, const WritingOptions& options) {
  const Tokenizer& tokenizer = tokenizer_of(model);
  Request request;
  request.prompt_ids = options.chat ? chat_prompt_ids(tokenizer, prompt) : prompt_ids(tokenizer, prompt);
  request.sampling = options.sampling;
  request.stop.max_new_tokens = options.tokens;
  request.stop.stop_strings = options.stop;
  if (!options.ignore_end) request.stop.stop_tokens = end_tokens(model);
  return request;
}

}  // namespace limpid
