#include "limpid/server/http/gate.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

#include "limpid/core/names.h"
#include "limpid/core/parse.h"
#include "limpid/server/http/text.h"
#include "limpid/server/random_id.h"

namespace limpid::server {
namespace {

constexpr size_t kLongestId = 128;

std::string id_of(const HttpRequest& request) {
  const auto given = request.header("X-Request-Id");
  return given && !given->empty() && given->size() <= kLongestId && is_visible(*given) ? *given : random_id();
}

/// Returns a Host without its port.
std::string_view name_of(std::string_view host) {
  const size_t colon = host.rfind(':');
  if (colon == std::string_view::npos || host.find(']', colon) != std::string_view::npos) return host;
  const std::string_view port = host.substr(colon + 1);
  const bool is_port = port.find_first_not_of("0123456789") == std::string_view::npos;
  return is_port ? host.substr(0, colon) : host;
}

/// Returns the keys that a request shows; some clients send one of their own beside the one they were given.
std::vector<std::string> shown_keys(const HttpRequest& request, bool key_in_query) {
  std::vector<std::string> keys;
  if (const auto bearer = request.header("Authorization")) {
    constexpr size_t kScheme = 7;  // "Bearer "
    if (bearer->size() > kScheme && same_word(std::string_view(*bearer).substr(0, kScheme), "Bearer "))
      keys.emplace_back(trimmed(std::string_view(*bearer).substr(kScheme)));
  }
  if (const auto key = request.header("X-API-Key")) keys.push_back(*key);
  if (const auto key = key_in_query ? query_value(request.query, "key") : std::nullopt) keys.push_back(*key);
  return keys;
}

/// Returns the names of headers that a page asks for, as they are, where they are nothing else.
std::string asked_headers(const HttpRequest& request) {
  const std::string asked = request.header("Access-Control-Request-Headers").value_or("");
  const auto is_part = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == ',' || c == ' '; };
  const bool is_sound = !asked.empty() && std::ranges::all_of(asked, is_part);
  return is_sound ? asked : "Authorization, Content-Type, X-API-Key, X-Request-Id";
}

void check_content_type(const HttpRequest& request) {
  const std::string type = request.header("Content-Type").value_or("");
  if (same_word(trimmed(type.substr(0, type.find(';'))), "application/json")) return;
  throw ApiError(415, "unsupported_media_type", "Content-Type: expected application/json");
}

}  // namespace

bool is_loopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host == "[::1]" || host.starts_with("127.");
}

Gate::Gate(AccessRules rules, Router router) : rules_(std::move(rules)), router_(std::move(router)) {
  for (const std::string& key : rules_.keys) keys_.push_back(digest_of(key));
}

Gate::Digest Gate::digest_of(const std::string& key) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return digest;
}

Handler Gate::operator()(HttpRequest& request) const {
  request.id = id_of(request);
  request.client = request.peer;
  const auto routes = router_.find(request);
  check_host(request);
  if (answers_preflight(request, routes)) return [](auto exchange) { exchange->answer({.status = 204}); };
  check_key(request, routes);
  const Router::Route& route = Router::choose(routes, request);
  if (route.method == "POST") check_content_type(request);
  return route.handler;
}

/// A web page that lets its name point to this machine sends its own name.
void Gate::check_host(const HttpRequest& request) const {
  if (!rules_.is_loopback) return;
  const std::string host = request.header("Host").value_or("localhost");
  const std::string_view name = name_of(host);
  const auto is_it = [&](std::string_view allowed) { return same_word(name, allowed) || same_word(host, allowed); };
  if (is_it("localhost") || is_it("127.0.0.1") || is_it("[::1]")) return;
  if (std::ranges::any_of(rules_.allowed_hosts, is_it)) return;
  throw ApiError(403, "host_not_allowed", "Host: the name is not one that this server answers to; see --allow-host");
}

/// Opens the answer to pages of allowed origins. Returns whether the request only asks if it may.
bool Gate::answers_preflight(HttpRequest& request, const std::vector<const Router::Route*>& routes) const {
  const auto origin = request.header("Origin");
  if (!origin || std::ranges::find(rules_.origins, *origin) == rules_.origins.end()) return false;
  request.answer_headers = {{"Access-Control-Allow-Origin", *origin},
                            {"Vary", "Origin"},
                            {"Access-Control-Expose-Headers", "X-Request-Id, Retry-After"}};
  if (request.method != "OPTIONS" || routes.empty() || !request.header("Access-Control-Request-Method")) return false;
  request.answer_headers.emplace_back("Access-Control-Allow-Methods",
                                      join(routes, ", ", [](const Router::Route* route) { return route->method; }));
  request.answer_headers.emplace_back("Access-Control-Allow-Headers", asked_headers(request));
  request.answer_headers.emplace_back("Access-Control-Max-Age", "600");
  return true;
}

void Gate::check_key(HttpRequest& request, const std::vector<const Router::Route*>& routes) const {
  if (keys_.empty()) return;
  const auto any = [&](bool Router::Route::* member) {
    return std::ranges::any_of(routes, [&](const Router::Route* route) { return route->*member; });
  };
  if (any(&Router::Route::is_open)) return;
  for (const std::string& shown : shown_keys(request, any(&Router::Route::key_in_query))) {
    const Digest digest = digest_of(shown);
    for (size_t i = 0; i < keys_.size(); ++i)  // all of them: the time tells nothing of which is right
      if (CRYPTO_memcmp(digest.data(), keys_[i].data(), digest.size()) == 0) request.key = i + 1;
  }
  if (request.key == 0)
    throw ApiError(401, "invalid_api_key", "the API key is missing or wrong; send Authorization: Bearer KEY");
  request.client = concat("key ", request.key);
}

}  // namespace limpid::server
