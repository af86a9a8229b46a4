#include "limpid/server/requests/generation_fields.h"

#include <algorithm>

#include "limpid/core/names.h"
#include "limpid/server/requests/detox_fields.h"
#include "limpid/server/requests/guard_fields.h"
#include "limpid/server/requests/sampling_fields.h"

namespace limpid::server {

namespace {

constexpr int64_t kMaxTokens = 1'048'576, kMaxSamples = 128;
constexpr size_t kMaxRows = 256, kMaxStops = 16, kMaxStopBytes = 256;
constexpr int64_t kCompletionTokens = 16;  // of completions that name no number, as OpenAI has it

/// @param least  0 where a completion may only read its prompt
std::optional<int64_t> read_max_tokens(Fields& body, const ServerFacts& facts, int64_t least) {
  std::optional<int64_t> tokens;
  for (const char* name : {"max_tokens", "max_completion_tokens"}) {  // the latter wins
    const std::optional<int64_t> value = body.integer(name, {least, kMaxTokens});
    if (!value) continue;
    if (facts.max_tokens && *value > *facts.max_tokens)
      throw invalid_value(name, std::to_string(*value),
                          concat("at most ", *facts.max_tokens, ", which this server allows"));
    tokens = value;
  }
  return tokens;
}

void read_lengths(Fields& body, const ServerFacts& facts, GenerationRequest& request) {
  request.max_tokens = read_max_tokens(body, facts, request.echo ? 0 : 1);
  if (request.max_tokens) return;
  request.max_tokens = facts.max_tokens;
  if (!request.chat) request.max_tokens = std::min(kCompletionTokens, facts.max_tokens.value_or(kCompletionTokens));
}

void read_samples(Fields& body, GenerationRequest& request) {
  request.n = body.integer("n", {1, kMaxSamples}).value_or(1);
  const size_t prompts = std::max<size_t>(1, request.prompts.size());
  if (prompts * size_t(request.n) > kMaxRows)
    throw invalid_value("n", concat(request.n, " for ", prompts, " prompts"),
                        concat("at most ", kMaxRows, " texts in all"));
  if (request.chat) return;
  const int64_t best_of = body.integer("best_of", {1, kMaxSamples}).value_or(request.n);
  if (best_of != request.n)
    throw invalid_value("best_of", std::to_string(best_of), concat(request.n, ", the same as \"n\""));
}

std::string read_stop_string(const Json& value, const std::string& path) {
  const std::string& text = read_text(value, path);
  if (text.empty() || text.size() > kMaxStopBytes)
    throw invalid_value(path, concat("a string of ", text.size(), " bytes"), concat("1 to ", kMaxStopBytes));
  return text;
}

std::vector<std::string> read_stop(Fields& body) {
  const Json* member = body.find("stop");
  if (!member) return {};
  if (!member->is_array() && !member->is_string()) throw invalid_type("stop", *member, "a string or a list of strings");
  if (member->is_string()) return {read_stop_string(*member, "stop")};
  if (member->size() > kMaxStops)
    throw invalid_value("stop", concat("a list of ", member->size()), concat("at most ", kMaxStops, " strings"));
  std::vector<std::string> stop;
  for (const Json& text : *member) stop.push_back(read_stop_string(text, concat("stop[", stop.size(), "]")));
  return stop;
}

void read_stream(Fields& body, GenerationRequest& request) {
  request.stream = body.flag("stream").value_or(false);
  const Json* member = body.find("stream_options");
  if (!member) return;
  Fields options(*member, "stream_options");
  if (!request.stream) throw invalid_value("stream_options", "given", "\"stream\": true beside it");
  request.include_usage = options.flag("include_usage").value_or(false);
  options.append_unknown(request.ignored);
}

/// Refuses what would have to change the answer: passing over it would give another than was asked for.
void refuse_unsupported(Fields& body) {
  body.refuse({"tools", "functions", "audio", "prediction", "web_search_options", "moderation", "chat_template",
               "chat_template_kwargs"});
  const auto unsupported = [](const char* name, const char* expected) {
    return ApiError(400, "unsupported_parameter",
                    concat("\"", name, "\" asks for what is not supported here, expected ", expected), name);
  };
  const Json* format = body.find("response_format");
  const bool is_text = format && format->is_object() && (format->empty() || format->value("type", Json()) == "text");
  if (format && !is_text) throw unsupported("response_format", "{\"type\": \"text\"} or nothing");
  const Json* modalities = body.find("modalities");
  if (modalities && std::find(modalities->begin(), modalities->end(), "audio") != modalities->end())
    throw unsupported("modalities", "[\"text\"] or nothing");
}

}  // namespace

ApiError model_not_found(const std::string& name, const ServerFacts& facts, std::optional<std::string> param) {
  return {404, "model_not_found",
          concat("the model is ", shown_name(name), ", expected what is served here: ", join(facts.names)),
          std::move(param)};
}

void check_model(Fields& body, const ServerFacts& facts) {
  const std::string* name = body.text("model");
  if (name && std::find(facts.names.begin(), facts.names.end(), *name) == facts.names.end())
    throw model_not_found(*name, facts, "model");
}

void read_shared_fields(Fields& body, const ServerFacts& facts, GenerationRequest& request) {
  check_model(body, facts);
  refuse_unsupported(body);
  body.pass_over({"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"});
  read_lengths(body, facts, request);
  read_samples(body, request);
  request.sampling = read_sampling(body, facts);
  request.stop = read_stop(body);
  read_stream(body, request);
  request.ignore_eos = body.flag("ignore_eos").value_or(false);
  request.cache_prompt = body.flag("cache_prompt").value_or(true);
  request.strengths = read_strengths(body, facts, request.ignored);
  request.explain = body.flag("explain").value_or(false);
  request.guard = read_guard(body, facts.guard, request.ignored);
}

void finish_reading(const Fields& body, GenerationRequest& request) { body.append_unknown(request.ignored); }

}  // namespace limpid::server
