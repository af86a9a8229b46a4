#include "limpid/server/scoring_routes.h"

#include "limpid/server/answering.h"
#include "limpid/server/json/strict_json.h"
#include "limpid/server/random_id.h"
#include "limpid/server/requests/comments.h"
#include "limpid/server/requests/embeddings.h"
#include "limpid/server/requests/moderation.h"

namespace limpid::server {

namespace {

/// @throws ApiError 404 `not_loaded`
template <class Loaded>
Loaded& require_loaded(Loaded* loaded, const char* what) {
  if (!loaded) throw ApiError(404, "not_loaded", concat("the server has no ", what));
  return *loaded;
}

/// Returns what tells that a client has gone.
std::stop_token stop_of(Exchange& exchange) {
  std::stop_source stop;
  exchange.on_gone([stop](Gone) mutable { stop.request_stop(); });
  return stop.get_token();
}

/// Returns what answers with the body that `write` makes of a result, or with the error.
template <class Result, class Write>
std::function<void(Outcome<Result>)> when_done(std::shared_ptr<Exchange> exchange, Write write) {
  return [exchange = std::move(exchange), write = std::move(write)](const Outcome<Result>& outcome) {
    answering(*exchange, [&] {
      if (const ApiError* error = std::get_if<ApiError>(&outcome)) throw *error;
      exchange->answer({.body = write(std::get<Result>(outcome))});
    });
  };
}

}  // namespace

void answer_moderation(const std::shared_ptr<Exchange>& exchange, TextScorer* given) {
  TextScorer& scorer = require_loaded(given, "scorer");
  ModerationRequest request = read_moderation_request(read_strict_json(exchange->take_body()), scorer);
  std::vector<std::string> texts = std::exchange(request.texts, {});
  scorer.score(std::move(texts), stop_of(*exchange),
               when_done<std::vector<double>>(exchange, [request, &scorer](const std::vector<double>& scores) {
                 return moderation_body("modr-" + random_id(), request, scores, scorer);
               }));
}

void answer_comment(const std::shared_ptr<Exchange>& exchange, TextScorer* given) {
  TextScorer& scorer = require_loaded(given, "scorer");
  const CommentRequest request = read_comment_request(read_strict_json(exchange->take_body()));
  scorer.score(request.texts(), stop_of(*exchange),
               when_done<std::vector<double>>(
                   exchange, [request](const std::vector<double>& scores) { return comment_body(request, scores); }));
}

void answer_embeddings(const std::shared_ptr<Exchange>& exchange, TextEmbedder* given) {
  using Vectors = std::vector<std::vector<float>>;
  TextEmbedder& embedder = require_loaded(given, "encoder");
  EmbeddingRequest request = read_embedding_request(read_strict_json(exchange->take_body()), embedder);
  std::vector<TokenIds> texts = std::exchange(request.texts, {});
  exchange->count_tokens(request.tokens, 0);
  embedder.embed(std::move(texts), stop_of(*exchange),
                 when_done<Vectors>(exchange, [request, &embedder](const Vectors& vectors) {
                   return embedding_body(request, vectors, embedder);
                 }));
}

}  // namespace limpid::server
