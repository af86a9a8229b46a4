// Any bytes as the body of each route that reads JSON: an ApiError for the client's mistake, whose body is JSON, or a
// request within its ranges.
#include "fuzz/support.h"
#include "limpid/server/api_error.h"
#include "limpid/server/json/strict_json.h"
#include "limpid/server/requests/prompt_ids.h"
#include "limpid/server/requests/tokenize.h"
#include "limpid/tokenizers/tokenizer_files.h"

namespace {

using namespace limpid;
using namespace limpid::server;

constexpr const char* kTokenizer = R"({"added_tokens": [{"id": 2, "content": "<e>", "special": true}],
  "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, "decoder": {"type": "ByteLevel"},
  "model": {"type": "BPE", "merges": [], "vocab": {"a": 0, "b": 1}}})";

ServerFacts facts() {
  ServerFacts facts;
  facts.names = {"toy"};
  facts.vocabulary = 3;
  facts.context = 64;
  facts.text_beginning = 2;
  facts.detoxifiers = {{"calm", "fusion/contrast", "", "calm.detox.safetensors", "", 0.5f, {0, 10}}};
  facts.guard.available = true;
  return facts;
}

/// Calls what a route does; whatever it refuses must be the client's mistake.
template <class Call>
void try_route(Call&& call) {
  try {
    call();
  } catch (const ApiError& error) {
    if (error.status != 400 && error.status != 404)
      fuzzing::finding(std::string("a status for others: ") + error.what());
    fuzzing::check_message(error.what());
    fuzzing::must("the error's body", [&] { parse_json(error_body(error), "body"); });
  }
}

void check(const GenerationRequest& request) {
  const SamplingOptions& sampling = request.sampling;
  if (!(sampling.top_p > 0 && sampling.top_p <= 1 && sampling.typical_p > 0 && sampling.repetition_penalty > 0))
    fuzzing::finding("a number that the sampler refuses");
  if (request.strengths.size() != 1) fuzzing::finding("a strength for each detoxifier is missing");
  if (request.n < 1 || (request.max_tokens && *request.max_tokens < 0)) fuzzing::finding("a number out of range");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto tokenizer = parse_tokenizer_json(kTokenizer, "tokenizer", {});
  static const ServerFacts server = facts();
  Json body;
  try_route([&] { body = read_strict_json(fuzzing::text_of(data, size)); });
  if (!body.is_object()) return 0;
  try_route([&] { check(read_chat_request(body, server)); });
  try_route([&] {
    const GenerationRequest request = read_completion_request(body, server);
    check(request);
    prompt_ids(request, *tokenizer, server);
  });
  try_route([&] { parse_json(tokenize_body(body, *tokenizer, server), "answer"); });
  try_route([&] { parse_json(detokenize_body(body, *tokenizer, server), "answer"); });
  return 0;
}
