#include "limpid/server/responses/token_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "limpid/tokenizers/unicode.h"

namespace limpid::server {

namespace {

/// Returns the bytes as `bytes:\xe2\x96`.
std::string spelt_bytes(std::string_view bytes) {
  constexpr const char* kHex = "0123456789abcdef";
  std::string out = "bytes:";
  for (unsigned char byte : bytes) ((out += "\\x") += kHex[byte >> 4]) += kHex[byte & 15];
  return out;
}

/// Returns what a chat shows of a token; the bytes are beside it.
std::string chat_token(const TokenBytes& token) {
  return token.bytes.empty() ? token.spelling : to_valid_utf8(token.bytes);
}

/// Returns what a completion shows of a token, which has no bytes beside it.
std::string completion_token(const TokenBytes& token) {
  if (token.bytes.empty()) return token.spelling;
  return is_valid_utf8(token.bytes) ? token.bytes : spelt_bytes(token.bytes);
}

OrderedJson log_prob_json(const std::optional<float>& log_prob) {
  return log_prob ? float_json(*log_prob) : OrderedJson(nullptr);
}

OrderedJson chat_entry(const TokenBytes& token, const std::optional<float>& log_prob) {
  OrderedJson entry;
  entry["token"] = chat_token(token);
  entry["logprob"] = log_prob_json(log_prob);
  OrderedJson& bytes = entry["bytes"] = OrderedJson::array();
  for (unsigned char byte : token.bytes) bytes.push_back(byte);
  return entry;
}

/// Puts a token into a map by what is shown of it. Of two tokens that look alike the later is spelt in bytes, so that
/// none is lost.
void put_top(OrderedJson& map, const TokenBytes& token, float log_prob) {
  std::string shown = completion_token(token);
  if (map.contains(shown)) shown = spelt_bytes(token.bytes);
  if (!map.contains(shown)) map[shown] = float_json(log_prob);
}

OrderedJson completion_top(const TokenRecord& token) {
  if (!token.log_prob) return nullptr;
  OrderedJson map = OrderedJson::object();
  bool has_chosen = false;
  for (const auto& [top, log_prob] : token.top) {
    put_top(map, top, log_prob);
    has_chosen |= top.id == token.token.id;
  }
  if (!has_chosen) put_top(map, token.token, *token.log_prob);
  return map;
}

/// Returns in which character of the joined bytes each token begins.
std::vector<size_t> character_of_each(const std::vector<TokenRecord>& tokens) {
  std::string bytes;
  for (const TokenRecord& token : tokens) bytes += token.token.bytes;
  std::vector<size_t> characters;
  size_t begin = 0, at = 0, character = 0;  // `at` is where that character begins
  for (const TokenRecord& token : tokens) {
    while (at < begin) {
      const size_t size = decode_utf8(bytes, at).size;
      if (at + size > begin) break;
      at += size;
      ++character;
    }
    characters.push_back(character);
    begin += token.token.bytes.size();
  }
  return characters;
}

}  // namespace

OrderedJson float_json(float value) {
  if (value == -std::numeric_limits<float>::infinity()) return -9999.0;
  char text[32];
  const char* end = std::to_chars(text, text + sizeof text, value).ptr;
  double shortest = value;
  std::from_chars(text, end, shortest);
  return shortest;
}

std::string body_text(const OrderedJson& body) { return body.dump(-1, ' ', false, Json::error_handler_t::replace); }

OrderedJson chat_log_probs(const std::vector<TokenRecord>& tokens) {
  OrderedJson content = OrderedJson::array();
  for (const TokenRecord& token : tokens) {
    OrderedJson entry = chat_entry(token.token, token.log_prob);
    OrderedJson& top = entry["top_logprobs"] = OrderedJson::array();
    for (const auto& [candidate, log_prob] : token.top) top.push_back(chat_entry(candidate, log_prob));
    content.push_back(std::move(entry));
  }
  return {{"content", std::move(content)}, {"refusal", nullptr}};
}

OrderedJson completion_log_probs(const Piece& piece, size_t offset) {
  OrderedJson out = {{"tokens", OrderedJson::array()},
                     {"token_logprobs", OrderedJson::array()},
                     {"top_logprobs", OrderedJson::array()},
                     {"text_offset", OrderedJson::array()}};
  const std::vector<size_t> characters = character_of_each(piece.tokens);
  const size_t length = count_characters(piece.text);  // a stop string may have cut what the tokens say
  for (size_t i = 0; i < piece.tokens.size(); ++i) {
    const TokenRecord& token = piece.tokens[i];
    out["tokens"].push_back(completion_token(token.token));
    out["token_logprobs"].push_back(log_prob_json(token.log_prob));
    out["top_logprobs"].push_back(completion_top(token));
    out["text_offset"].push_back(offset + std::min(characters[i], length));
  }
  return out;
}

void append_log_probs(OrderedJson& all, OrderedJson more) {
  for (auto& [name, list] : more.items())
    if (list.is_array())
      for (OrderedJson& entry : list) all[name].push_back(std::move(entry));
}

OrderedJson explanation_json(const std::vector<TokenRecord>& tokens) {
  OrderedJson out = OrderedJson::array();
  for (const TokenRecord& token : tokens) {
    if (!token.explanation) continue;
    OrderedJson entry;
    entry["token"] = chat_token(token.token);
    entry["id"] = token.token.id;
    entry["logprob"] = log_prob_json(token.log_prob);
    entry["base_logprob"] = float_json(token.explanation->base_log_prob);
    entry["base_token"] = chat_token(token.explanation->base);
    entry["base_id"] = token.explanation->base.id;
    entry["kl"] = token.explanation->kl;
    out.push_back(std::move(entry));
  }
  return out;
}

OrderedJson guard_json(const GuardReport& report) {
  OrderedJson out;
  out["threshold"] = report.threshold;
  out["checks"] = report.checks;
  out["rewinds"] = report.rewinds;
  out["rewound_tokens"] = report.rewound_tokens;
  out["refused"] = report.refused;
  out["score"] = report.score;
  out["strength"] = float_json(report.strength);
  return out;
}

OrderedJson usage_json(const Usage& usage) {
  OrderedJson out;
  out["prompt_tokens"] = usage.prompt_tokens;
  out["completion_tokens"] = usage.completion_tokens;
  out["total_tokens"] = usage.prompt_tokens + usage.completion_tokens;
  out["prompt_tokens_details"] = {{"cached_tokens", usage.cached_tokens}};
  return out;
}

size_t count_characters(std::string_view text) {
  size_t count = 0;
  for (size_t at = 0; at < text.size(); at += decode_utf8(text, at).size) ++count;
  return count;
}

}  // namespace limpid::server
