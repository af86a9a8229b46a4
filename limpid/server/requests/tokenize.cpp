#include "limpid/server/requests/tokenize.h"

#include "limpid/server/requests/generation_fields.h"
#include "limpid/server/requests/messages.h"
#include "limpid/server/requests/prompt_ids.h"
#include "limpid/server/requests/token_ids.h"
#include "limpid/server/responses/token_json.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid::server {

namespace {

// One request is to take a second and a few tens of megabytes at most, whatever its tokens are.
constexpr size_t kMaxListed = 262'144, kMaxBytes = 1 << 20;
constexpr const char* kForms = "\"content\", \"prompt\" or \"messages\"";

/// Returns a text that is not too long to be read. @throws ApiError 400
const std::string& checked_text(const std::string& text, const std::string& path) {
  if (text.size() > kMaxBytes)
    throw invalid_value(path, concat("a text of ", text.size(), " bytes"), concat("at most ", kMaxBytes));
  return text;
}

TokenIds conversation_ids(Fields& body, const Tokenizer& tokenizer) {
  std::vector<std::string> unknown;
  const std::vector<Turn> turns = read_messages(body, unknown);
  size_t bytes = 0;
  for (const Turn& turn : turns) bytes += turn.content.size();
  if (bytes > kMaxBytes)
    throw invalid_value("messages", concat("texts of ", bytes, " bytes"), concat("at most ", kMaxBytes));
  return chat_ids(turns, tokenizer);
}

TokenIds requested_ids(Fields& body, const Tokenizer& tokenizer) {
  const std::string *content = body.text("content"), *prompt = body.text("prompt");
  const bool has_messages = body.list("messages");
  const int given = (content != nullptr) + (prompt != nullptr) + has_messages;
  if (given == 0) throw missing_parameter("content", concat("one of ", kForms));
  if (given > 1)
    throw invalid_value(has_messages ? "messages" : "prompt", "not the only text", concat("one of ", kForms));
  if (has_messages) return conversation_ids(body, tokenizer);
  const bool llama = body.flag("add_special").value_or(false), vllm = body.flag("add_special_tokens").value_or(true);
  return content ? tokenizer.encode(checked_text(*content, "content"), llama)
                 : tokenizer.encode(checked_text(*prompt, "prompt"), vllm);
}

void check_count(size_t count, const std::string& path) {
  if (count > kMaxListed)
    throw invalid_value(path, concat(count, " tokens"), concat("at most ", kMaxListed, " in one request"));
}

OrderedJson piece_json(TokenId id, const Tokenizer& tokenizer) {
  const std::string_view text = tokenizer.token_text(id);
  OrderedJson out;
  out["id"] = id;
  OrderedJson& piece = out["piece"] = OrderedJson::array();
  if (is_valid_utf8(text))
    piece = text;
  else
    for (unsigned char byte : text) piece.push_back(byte);
  return out;
}

}  // namespace

std::string tokenize_body(const Json& request, const Tokenizer& tokenizer, const ServerFacts& facts) {
  Fields body(request);
  check_model(body, facts);
  const bool with_pieces = body.flag("with_pieces").value_or(false);
  const TokenIds ids = requested_ids(body, tokenizer);
  check_count(ids.size(), body.find("content") ? "content" : body.find("prompt") ? "prompt" : "messages");
  std::string out = "{\"tokens\":[";  // by hand: a tree of a quarter of a million pieces would take ten times the text
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) out += ',';
    out += with_pieces ? body_text(piece_json(ids[i], tokenizer)) : std::to_string(ids[i]);
  }
  return concat(std::move(out), "],\"count\":", ids.size(), ",\"max_model_len\":", facts.context, "}");
}

std::string detokenize_body(const Json& request, const Tokenizer& tokenizer, const ServerFacts& facts) {
  Fields body(request);
  check_model(body, facts);
  body.require("tokens", "a list of token ids");
  const Json& list = *body.list("tokens");
  check_count(list.size(), "tokens");
  const TokenIds ids = read_token_ids(list, "tokens", int64_t(tokenizer.vocab_size()));
  const std::string text = tokenizer.decode(ids, /*skip_special=*/false);
  OrderedJson out;
  out["content"] = text;
  out["prompt"] = text;
  return body_text(out);
}

}  // namespace limpid::server
