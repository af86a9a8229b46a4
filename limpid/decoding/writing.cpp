#include "limpid/decoding/writing.h"

#include <algorithm>

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
  return make_request(model, with_system(options.system, {{"user", prompt}}), options);
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

std::vector<Turn> with_system(const std::optional<std::string>& system, std::vector<Turn> turns) {
  if (system) turns.insert(turns.begin(), {"system", *system});
  return turns;
}

int64_t answer_tokens(const Model& model, int64_t asked) {
  const int64_t limit = model.config().max_positions;
  return limit > 0 ? std::min(asked, std::max<int64_t>(limit / 2, 1)) : asked;
}

size_t drop_oldest_turns(const Model& model, const std::optional<std::string>& system, std::vector<Turn>& turns,
                         int64_t tokens) {
  const int64_t limit = model.config().max_positions;
  size_t dropped = 0;
  for (;;) {
    const auto needed = int64_t(chat_prompt_ids(tokenizer_of(model), with_system(system, turns)).size()) + tokens;
    if (limit == 0 || needed <= limit) return dropped;
    const auto next =
        std::find_if(turns.begin() + 1, turns.end(), [](const Turn& turn) { return turn.role == "user"; });
    LIMPID_CHECK(next != turns.end(), ConfigError, "[chat] the question and an answer of ", tokens, " tokens need ",
                 needed, " positions, the model's context has ", limit);
    dropped += size_t(next - turns.begin());
    turns.erase(turns.begin(), next);
  }
}

}  // namespace limpid
