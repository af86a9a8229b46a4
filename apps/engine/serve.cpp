#include "apps/commands/serve.h"

#include <unistd.h>

#include "apps/engine/common.h"
#include "limpid/server/http/simple_server.h"
#include "limpid/server/service.h"
#include "limpid/serving/model_engine.h"

namespace limpid::apps {
namespace {

using namespace server;
using namespace serving;

constexpr size_t kMiB = size_t(1) << 20;

size_t cache_bytes(const ServeCommand& options) {
  if (options.kv_memory) return size_t(*options.kv_memory) * kMiB;
  const size_t memory = size_t(sysconf(_SC_PHYS_PAGES)) * size_t(sysconf(_SC_PAGE_SIZE));
  return std::min(memory / 4, 4096 * kMiB);
}

/// Returns the scorer; null, in one line, where it is the default one and its encoder is not there.
std::shared_ptr<const Scorer> scorer_for(const ServeCommand& options) {
  try {
    return open_scorer(options.scorer);
  } catch (const IoError& error) {
    if (!options.scorer.empty() || options.guard) throw;
    terminal().warning(concat(error.what(), ": no moderation, guard and embeddings"));
    return nullptr;
  }
}

/// All that stands behind the routes, from the model to the scheduler.
class Loading {
 public:
  explicit Loading(const ServeCommand& options)
      : served_{open_model_for(options), open_served(options.detox, terminal()), scorer_for(options)},
        engine_(served_, {.max_rows = size_t(options.rows),
                          .watch = terminal(),
                          .prompt_tokens = size_t(options.prefill_chunk),
                          .cache_bytes = cache_bytes(options),
                          .explains = true}),
        facts_(facts_of(served_, {options.model, options.aliases}, options.context)),
        scheduler_(engine_, served_.model->tokenizer(), with_limits(facts_, options, engine_),
                   {.rows = size_t(options.rows), .queue = size_t(options.queue)}, observer_) {}

  Loaded loaded() { return {&facts_, served_.model->tokenizer(), &scheduler_}; }
  Scheduler& scheduler() { return scheduler_; }

 private:
  static const ServerFacts& with_limits(ServerFacts& facts, const ServeCommand& options, const ModelEngine& engine) {
    facts.context = std::min(facts.context, engine.tokens_within_cache());
    facts.max_tokens = options.max_tokens;
    facts.guard.always = options.guard;
    if (options.guard_threshold) facts.guard.threshold = *options.guard_threshold;
    facts.guard.window = options.guard_window;
    facts.guard.rewinds = options.guard_rewinds;
    facts.guard.refusal = options.refusal;
    return facts;
  }

  ServedModel served_;
  ModelEngine engine_;
  ServerFacts facts_;
  SchedulerObserver observer_;
  Scheduler scheduler_;
};

}  // namespace

int run(const ServeCommand& options) {
  Service service;
  SimpleServer server(options.host, options.port);
  const auto route = [&](const char* method, const char* path, void (Service::*member)(std::shared_ptr<Exchange>)) {
    server.route(method, path, [&service, member](std::shared_ptr<Exchange> exchange) { (service.*member)(exchange); });
  };
  route("POST", "/v1/chat/completions", &Service::chat_completions);
  route("POST", "/v1/completions", &Service::completions);
  route("POST", "/tokenize", &Service::tokenize);
  route("POST", "/detokenize", &Service::detokenize);
  route("GET", "/v1/models", &Service::models);
  route("GET", "/v1/detoxifiers", &Service::detoxifiers);
  route("GET", "/health", &Service::health);
  route("GET", "/ready", &Service::ready);
  route("GET", "/version", &Service::version);
  server.start();
  terminal().info(concat("listening on http://", options.host, ":", server.port()));
  Loading loading(options);
  service.set_loaded(loading.loaded());
  while (!terminal().stop()) usleep(50000);
  loading.scheduler().stop(options.drain);
  return 0;
}

}  // namespace limpid::apps
