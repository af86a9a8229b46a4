#include "apps/commands/serve.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "apps/engine/common.h"
#include "apps/guard.h"
#include "limpid/core/parse.h"
#include "limpid/kernels/cpu.h"
#include "limpid/server/http/gate.h"
#include "limpid/server/http/http_server.h"
#include "limpid/server/request_log.h"
#include "limpid/server/service.h"
#include "limpid/serving/model_engine.h"
#include "limpid/serving/model_scoring.h"

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
  } catch (const Error& error) {
    if (!options.scorer.empty() || options.guard) throw;
    terminal().warning(concat(error.what(), ": no moderations and no guard"));
    return nullptr;
  }
}

/// Returns the encoder that was asked for, else the scorer's; null where that is none.
std::shared_ptr<const SentenceEncoder> encoder_for(const ServeCommand& options, const Scorer* scorer) {
  if (!options.encoder.empty()) return open_sentence_encoder(options.encoder);
  const std::string name = scorer ? scorer->full_name() : "";
  const size_t slash = name.find('/');
  if (slash == std::string::npos) return nullptr;
  try {
    return open_sentence_encoder(name.substr(0, slash));
  } catch (const Error& error) {
    terminal().warning(concat(error.what(), ": no embeddings"));
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
  /// @param log  gets prompts and answers; null: nobody does
  Loading(const ServeCommand& options, Metrics& metrics, RequestLog* log)
      : served_{open_model_for(options), detoxifiers_for(options), scorer_for(options)},
        engine_(served_, {.max_rows = SIZE_MAX,  // how many is the scheduler's choice
                          .watch = terminal(),
                          .prompt_tokens = size_t(options.prefill_chunk),
                          .cache_bytes = cache_bytes(options),
                          .explains = true}),
        facts_(facts_of(served_, {options.model, options.aliases}, options.context)),
        scheduler_(engine_, served_.model->tokenizer(), with_limits(facts_, options, engine_), scheduling(options, log),
                   metrics) {
    const BetweenSteps between_steps = [this](std::function<bool()> work) {
      scheduler_.call_between_steps(std::move(work));
    };
    const auto scored = [&metrics](bool flagged, double seconds) { metrics.scored(flagged, seconds); };
    if (served_.scorer) scorer_ = std::make_unique<ModelScorer>(served_.scorer, between_steps, scored);
    if (const auto encoder = encoder_for(options, served_.scorer.get()))
      embedder_ = std::make_unique<ModelEmbedder>(encoder, between_steps);
  }

  Loaded loaded() { return {&facts_, served_.model->tokenizer(), &scheduler_, scorer_.get(), embedder_.get()}; }
  const ServerFacts& facts() const { return facts_; }
  Scheduler& scheduler() { return scheduler_; }

 private:
  static SchedulerOptions scheduling(const ServeCommand& options, RequestLog* log) {
    SchedulerOptions scheduling{.rows = size_t(options.rows), .queue = size_t(options.queue)};
    if (log)
      scheduling.on_written = [log](const std::string& id, const std::string& prompt, const std::string& text) {
        log->text(id, "prompt", prompt);
        log->text(id, "answer", text);
      };
    return scheduling;
  }
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
  Scheduler scheduler_;
  std::unique_ptr<ModelScorer> scorer_;
  std::unique_ptr<ModelEmbedder> embedder_;
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

/// Counts and logs requests.
class CountingLog final : public HttpObserver {
 public:
  CountingLog(Metrics& metrics, RequestLog* log) : metrics_(metrics), log_(log) {}

  void finished(const RequestRecord& record) override {
    metrics_.finished(record);
    if (log_) log_->finished(record);
  }
  void too_many_connections() override { metrics_.too_many_connections(); }

 private:
  Metrics& metrics_;
  RequestLog* log_;  // null: nothing is logged
};

Gauges gauges(const Scheduler& scheduler, const HttpServer& http) {
  const EngineState engine = scheduler.engine_state();
  return {scheduler.requests_running(), scheduler.requests_waiting(), scheduler.rows_running(), http.connections(),
          engine.cache_bytes,           engine.cache_limit,           engine.kept_bytes,        engine.preemptions};
}

std::vector<std::string> names_of(const std::vector<DetoxifierFacts>& detoxifiers) {
  std::vector<std::string> names;
  for (const DetoxifierFacts& detoxifier : detoxifiers) names.push_back(detoxifier.name);
  return names;
}

void wait_for_the_end() {
  while (!terminal().stop()) usleep(20'000);
}

}  // namespace

int run(const ServeCommand& options) {
  Service service(!options.no_playground);
  RequestLog log(stderr);
  CountingLog counting(service.counted(), options.quiet ? nullptr : &log);
  if (options.log_prompts) terminal().warning("prompts and answers are logged (--log-prompts)");
  HttpServer http(http_options(options), server::Gate(access_rules(options), service.router()), counting);
  http.start();
  std::fprintf(stderr, "limpid: listening on http://%s:%d\n", shown_host(options.host).c_str(), http.port());
  Loading loading(options, service.counted(), options.log_prompts && !options.quiet ? &log : nullptr);
  service.counted().set_served(loading.facts().names.front(), kernels::name(kernels::active_isa()),
                               names_of(loading.facts().detoxifiers),
                               [&] { return gauges(loading.scheduler(), http); });
  service.set_loaded(loading.loaded());
  wait_for_the_end();
  loading.scheduler().stop(options.drain);
  http.stop();
  service.stop();
  return Terminal::stopped_code() == 128 + SIGINT ? Terminal::stopped_code() : 0;
}

}  // namespace limpid::apps
