#include "apps/commands/serve.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "apps/engine/common.h"
#include "apps/guard.h"
#include "limpid/core/parse.h"
#include "limpid/server/http/gate.h"
#include "limpid/server/http/http_server.h"
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

/// Opens what --detox says. @throws UsageError for what it cannot say
std::vector<ServedDetoxifier> detoxifiers_for(const ServeCommand& options) {
  try {
    return open_served(options.detox, terminal());
  } catch (const ConfigError& error) {
    throw UsageError(error.what());
  }
}

/// All that stands behind the routes, from the model to the scheduler.
class Loading {
 public:
  explicit Loading(const ServeCommand& options)
      : served_{open_model_for(options), detoxifiers_for(options), scorer_for(options)},
        engine_(served_, {.max_rows = SIZE_MAX,  // how many is the scheduler's choice
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

/// Returns a host as it stands in an address.
std::string shown_host(const std::string& host) {
  return host.find(':') == std::string::npos || host.starts_with('[') ? host : concat("[", host, "]");
}

std::vector<std::string> keys_of(const ServeCommand& options) {
  std::vector<std::string> keys = options.api_keys;
  for (const std::string& file : options.api_key_files) {
    const size_t before = keys.size();
    for (const std::string& line : split(read_text(file), '\n'))
      if (const std::string_view key = trimmed(line); !key.empty()) keys.emplace_back(key);
    LIMPID_CHECK(keys.size() > before, UsageError, "--api-key-file ", file, ": there is no key in it");
  }
  LIMPID_CHECK(std::ranges::find(keys, "") == keys.end(), UsageError, "--api-key is empty, expected a text");
  return keys;
}

HttpOptions http_options(const ServeCommand& options) {
  return {.host = options.host,
          .port = options.port,
          .read_timeout = options.read_timeout,
          .write_timeout = options.write_timeout,
          .idle_timeout = options.idle_timeout,
          .connections = size_t(options.connections),
          .max_body = size_t(options.max_body) * kMiB};
}

AccessRules access_rules(const ServeCommand& options) {
  AccessRules rules{is_loopback(options.host), options.allowed_hosts, keys_of(options), options.allowed_origins};
  LIMPID_CHECK(rules.is_loopback || !rules.keys.empty() || options.allow_anonymous, UsageError, "--host ", options.host,
               " is open to other machines: give an --api-key, or --allow-anonymous");
  LIMPID_CHECK(std::ranges::find(rules.origins, "*") == rules.origins.end(), UsageError,
               "--allow-origin *: expected an origin such as https://example.org");
  return rules;
}

void wait_for_the_end() {
  while (!terminal().stop()) usleep(20'000);
}

}  // namespace

int run(const ServeCommand& options) {
  Service service;
  HttpObserver observer;
  HttpServer http(http_options(options), server::Gate(access_rules(options), service.router()), observer);
  http.start();
  std::fprintf(stderr, "limpid: listening on http://%s:%d\n", shown_host(options.host).c_str(), http.port());
  Loading loading(options);
  service.set_loaded(loading.loaded());
  wait_for_the_end();
  loading.scheduler().stop(options.drain);
  http.stop();
  return Terminal::stopped_code() == 128 + SIGINT ? Terminal::stopped_code() : 0;
}

}  // namespace limpid::apps
