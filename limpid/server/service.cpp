#include "limpid/server/service.h"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "limpid/core/version.h"
#include "limpid/server/answering.h"
#include "limpid/server/json/strict_json.h"
#include "limpid/server/playground/playground.h"
#include "limpid/server/requests/comments.h"
#include "limpid/server/requests/prompt_ids.h"
#include "limpid/server/requests/tokenize.h"
#include "limpid/server/responses/listings.h"
#include "limpid/server/scoring_routes.h"

namespace limpid::server {
namespace {

constexpr size_t kReaders = 2;  // a long body holds up one of them

}  // namespace

struct Service::Workers {
  boost::asio::thread_pool pool{kReaders};
};

Service::Service(bool has_playground) : has_playground_(has_playground), workers_(std::make_unique<Workers>()) {
  Router routes = router();
  metrics_ = std::make_unique<Metrics>(routes.patterns());
}

Service::~Service() { stop(); }

void Service::stop() { workers_->pool.join(); }

void Service::set_loaded(Loaded loaded) {
  owned_ = std::make_unique<const Loaded>(std::move(loaded));
  loaded_ = owned_.get();
}

/// @throws ApiError 503 until the model stands
const Loaded& Service::loaded() const {
  const Loaded* loaded = loaded_;
  if (!loaded) throw ApiError(503, "loading", "Loading model");
  return *loaded;
}

void Service::at_once(const std::shared_ptr<Exchange>& exchange, const std::function<HttpResponse()>& answer) const {
  answering(*exchange, [&] { exchange->answer(answer()); });
}

void Service::in_turn(std::shared_ptr<Exchange> exchange, Answerer answer) {
  answering(*exchange, [&] {
    const Loaded& loaded = this->loaded();
    boost::asio::post(workers_->pool, [exchange, answer = std::move(answer), &loaded] {
      answering(*exchange, [&] { answer(loaded, *exchange); });
    });
  });
}

/// @throws ApiError for a request that cannot wait or is too late
void Service::check_room(const Loaded& loaded) {
  try {
    loaded.scheduler->check_room();
  } catch (const ApiError& error) {
    metrics_->rejected(error.code);
    throw;
  }
}

void Service::generate(std::shared_ptr<Exchange> exchange, bool chat) {
  check_room(loaded());  // before the body waits for its turn: who is refused hears it at once
  in_turn(exchange, [this, exchange, chat](const Loaded& loaded, Exchange&) {
    check_room(loaded);
    const Json body = read_strict_json(exchange->take_body());
    GenerationRequest request =
        chat ? read_chat_request(body, *loaded.facts) : read_completion_request(body, *loaded.facts);
    std::vector<TokenIds> prompts = prompt_ids(request, *loaded.tokenizer, *loaded.facts);
    loaded.scheduler->submit({exchange, std::move(request), std::move(prompts)});
  });
}

Router Service::router() {
  Router router;
  if (has_playground_)
    router.add({.method = "GET",
                .pattern = "/",
                .handler =
                    [](const std::shared_ptr<Exchange>& exchange) {
                      exchange->answer({.body = playground_page(),
                                        .content_type = "text/html; charset=utf-8",
                                        .headers = {{"Content-Security-Policy", playground_policy()},
                                                    {"X-Content-Type-Options", "nosniff"},
                                                    {"Referrer-Policy", "no-referrer"}}});
                    },
                .is_open = true});
  const auto add = [&](const char* method, const char* pattern, void (Service::*member)(std::shared_ptr<Exchange>),
                       bool is_open = false) {
    router.add({.method = method,
                .pattern = pattern,
                .handler = [this, member](std::shared_ptr<Exchange> exchange) { (this->*member)(std::move(exchange)); },
                .is_open = is_open});
  };
  add("POST", "/v1/chat/completions", &Service::chat_completions);
  add("POST", "/v1/completions", &Service::completions);
  add("POST", "/tokenize", &Service::tokenize);
  add("POST", "/detokenize", &Service::detokenize);
  add("POST", "/v1/moderations", &Service::moderations);
  add("POST", "/v1/embeddings", &Service::embeddings);
  router.add({.method = "POST",
              .pattern = "/v1alpha1/comments:analyze",
              .handler = [this](std::shared_ptr<Exchange> exchange) { analyze_comment(std::move(exchange)); },
              .key_in_query = true,
              .write_error = comment_error_body});
  add("GET", "/v1/models", &Service::models);
  add("GET", "/v1/models/{id}", &Service::model);
  add("GET", "/v1/detoxifiers", &Service::detoxifiers);
  add("GET", "/v1/detoxifiers/{name}", &Service::detoxifier);
  add("GET", "/version", &Service::version);
  add("GET", "/metrics", &Service::metrics);
  for (const char* path : {"/health", "/v1/health"}) add("GET", path, &Service::health, /*is_open=*/true);
  add("GET", "/ready", &Service::ready, /*is_open=*/true);
  return router;
}

void Service::chat_completions(std::shared_ptr<Exchange> exchange) { generate(std::move(exchange), /*chat=*/true); }

void Service::completions(std::shared_ptr<Exchange> exchange) { generate(std::move(exchange), /*chat=*/false); }

void Service::tokenize(std::shared_ptr<Exchange> exchange) {
  in_turn(std::move(exchange), [](const Loaded& loaded, Exchange& exchange) {
    exchange.answer({.body = tokenize_body(read_strict_json(exchange.take_body()), *loaded.tokenizer, *loaded.facts)});
  });
}

void Service::detokenize(std::shared_ptr<Exchange> exchange) {
  in_turn(std::move(exchange), [](const Loaded& loaded, Exchange& exchange) {
    exchange.answer(
        {.body = detokenize_body(read_strict_json(exchange.take_body()), *loaded.tokenizer, *loaded.facts)});
  });
}

void Service::moderations(std::shared_ptr<Exchange> exchange) {
  in_turn(exchange, [exchange](const Loaded& loaded, Exchange&) { answer_moderation(exchange, loaded.scorer); });
}

void Service::analyze_comment(std::shared_ptr<Exchange> exchange) {
  in_turn(exchange, [exchange](const Loaded& loaded, Exchange&) { answer_comment(exchange, loaded.scorer); });
}

void Service::embeddings(std::shared_ptr<Exchange> exchange) {
  in_turn(exchange, [exchange](const Loaded& loaded, Exchange&) { answer_embeddings(exchange, loaded.embedder); });
}

void Service::models(std::shared_ptr<Exchange> exchange) {
  at_once(exchange, [&] { return HttpResponse{.body = models_body(*loaded().facts)}; });
}

void Service::model(std::shared_ptr<Exchange> exchange) {
  at_once(exchange, [&] { return HttpResponse{.body = model_body(exchange->request().parameter, *loaded().facts)}; });
}

void Service::detoxifiers(std::shared_ptr<Exchange> exchange) {
  at_once(exchange, [&] { return HttpResponse{.body = detoxifiers_body(*loaded().facts)}; });
}

void Service::detoxifier(std::shared_ptr<Exchange> exchange) {
  at_once(exchange,
          [&] { return HttpResponse{.body = detoxifier_body(exchange->request().parameter, *loaded().facts)}; });
}

void Service::health(std::shared_ptr<Exchange> exchange) {
  at_once(exchange, [&] { return loaded(), HttpResponse{.body = R"({"status":"ok"})"}; });
}

void Service::ready(std::shared_ptr<Exchange> exchange) {
  at_once(exchange, [&] {
    const Scheduler& scheduler = *loaded().scheduler;
    if (scheduler.is_stopping()) throw ApiError(503, "shutting_down", "the server is shutting down");
    if (scheduler.is_full()) throw ApiError(503, "queue_full", "no request more can wait");
    return HttpResponse{.body = R"({"status":"ready"})"};
  });
}

void Service::metrics(std::shared_ptr<Exchange> exchange) {
  at_once(exchange, [&] {
    return HttpResponse{.body = metrics_->text(), .content_type = "text/plain; version=0.0.4; charset=utf-8"};
  });
}

void Service::version(std::shared_ptr<Exchange> exchange) {
  at_once(exchange, [] { return HttpResponse{.body = concat(R"({"version":")", limpid::version(), R"("})")}; });
}

}  // namespace limpid::server
