#include "limpid/server/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>

#include "limpid/core/version.h"
#include "limpid/server/metrics/process.h"

namespace limpid::server {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;
using Buckets = Histogram::BucketBoundaries;

const Buckets kRequestSeconds = {0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300};
const Buckets kWaits = {0.001, 0.005, 0.02, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60};
const Buckets kTokenSeconds = {0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2};
const Buckets kStrengths = {0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 5, 10, 100};
constexpr int kStatuses[] = {200, 400, 404, 429, 500, 503};

}  // namespace

struct Metrics::State {
  prometheus::Registry registry;

  prometheus::Family<Counter>& counter(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  prometheus::Family<Gauge>& gauge(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
  }
  prometheus::Family<Histogram>& histogram(const char* name, const char* help) {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
  }

  prometheus::Family<Gauge>& build = gauge("limpid_build_info", "What is served, and by what.");
  prometheus::Family<Counter>& requests = counter("limpid_requests_total", "Requests that were answered.");
  prometheus::Family<Histogram>& durations =
      histogram("limpid_request_duration_seconds", "From a request's head to the end of its answer.");
  Gauge& running = gauge("limpid_requests_running", "Requests with a row that began.").Add({});
  Gauge& waiting = gauge("limpid_requests_waiting", "Requests in the queue.").Add({});
  Gauge& rows = gauge("limpid_rows_running", "Texts that are decoded together.").Add({});
  Gauge& connections = gauge("limpid_connections", "Open connections.").Add({});
  prometheus::Family<Counter>& rejections = counter("limpid_rejected_total", "Requests and connections turned away.");
  prometheus::Family<Counter>& cancellations = counter("limpid_cancelled_total", "Requests that were not answered.");
  Counter& prompt_tokens = counter("limpid_prompt_tokens_total", "Tokens of prompts.").Add({});
  Counter& cached_tokens = counter("limpid_cached_tokens_total", "Of those, tokens that had been read before.").Add({});
  Counter& generated_tokens =
      counter("limpid_generated_tokens_total", "Tokens that were drawn, those that the guard took back too.").Add({});
  Histogram& queue_seconds = histogram("limpid_queue_seconds", "From a request to its first row.").Add({}, kWaits);
  Histogram& first_token_seconds =
      histogram("limpid_time_to_first_token_seconds", "From a request to its first token.").Add({}, kWaits);
  Histogram& token_seconds =
      histogram("limpid_time_per_output_token_seconds", "Between two tokens of a row.").Add({}, kTokenSeconds);
  Gauge& cache_bytes = gauge("limpid_kv_bytes", "Of all caches, helpers' and kept pages included.").Add({});
  Gauge& cache_limit = gauge("limpid_kv_bytes_limit", "That caches may take.").Add({});
  Gauge& kept_bytes = gauge("limpid_prefix_cache_bytes", "Of prompts that are kept for their owners.").Add({});
  Counter& preemptions = counter("limpid_preemptions_total", "Rows whose pages were needed.").Add({});
  prometheus::Family<Counter>& detox_requests =
      counter("limpid_detox_requests_total", "Requests that a detoxifier acted on.");
  prometheus::Family<Histogram>& detox_strengths =
      histogram("limpid_detox_strength", "Strengths that were asked for, 0 left out.");
  Counter& guard_checks = counter("limpid_guard_checks_total", "Looks at what was written.").Add({});
  Counter& guard_rewinds = counter("limpid_guard_rewinds_total", "Texts that were taken back.").Add({});
  Counter& guard_refusals = counter("limpid_guard_refusals_total", "Answers that were ended.").Add({});
  Counter& guard_tokens = counter("limpid_guard_rewound_tokens_total", "Tokens that were taken back.").Add({});
  prometheus::Family<Counter>& scored_texts =
      counter("limpid_scored_texts_total", "Texts that were scored on request.");
  Histogram& score_seconds = histogram("limpid_score_seconds", "A request for scores.").Add({}, kWaits);
  prometheus::Family<Counter>& row_failures = counter("limpid_row_failures_total", "Rows that could not be written.");
  Gauge& memory = gauge("process_resident_memory_bytes", "Resident memory size in bytes.").Add({});
  Gauge& files = gauge("process_open_fds", "Number of open file descriptors.").Add({});
  Counter& cpu = counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.").Add({});
  Gauge& start = gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds.").Add({});

  mutable std::mutex mutex;  // of what follows, and of scrapes
  std::function<Gauges()> gauges;

  static void set(Counter& counter, double value) { counter.Increment(std::max(0.0, value - counter.Value())); }
};

Metrics::Metrics(const std::vector<std::string>& routes) : state_(std::make_unique<State>()) {
  std::vector<std::string> all = routes;
  all.emplace_back("other");
  for (const std::string& route : all) {
    state_->durations.Add({{"route", route}}, kRequestSeconds);
    for (int status : kStatuses) state_->requests.Add({{"route", route}, {"status", std::to_string(status)}});
  }
  for (const char* reason : {"queue_full", "too_many_connections", "shutting_down"})
    state_->rejections.Add({{"reason", reason}});
  for (const char* reason : {"client_gone", "write_timeout", "shutdown"})
    state_->cancellations.Add({{"reason", reason}});
  for (const char* flagged : {"true", "false"}) state_->scored_texts.Add({{"flagged", flagged}});
  for (const char* reason : {"not_finite", "internal"}) state_->row_failures.Add({{"reason", reason}});
}

Metrics::~Metrics() = default;

void Metrics::set_served(const std::string& model, const std::string& isa, const std::vector<std::string>& detoxifiers,
                         std::function<Gauges()> gauges) {
  state_->build.Add({{"version", version()}, {"model", model}, {"isa", isa}}).Set(1);
  for (const std::string& name : detoxifiers) {
    state_->detox_requests.Add({{"name", name}});
    state_->detox_strengths.Add({{"name", name}}, kStrengths);
  }
  const std::lock_guard lock(state_->mutex);
  state_->gauges = std::move(gauges);
}

std::string Metrics::text() const {
  const std::lock_guard lock(state_->mutex);
  if (state_->gauges) {
    const Gauges now = state_->gauges();
    state_->running.Set(double(now.requests_running));
    state_->waiting.Set(double(now.requests_waiting));
    state_->rows.Set(double(now.rows_running));
    state_->connections.Set(double(now.connections));
    state_->cache_bytes.Set(double(now.cache_bytes));
    state_->cache_limit.Set(double(now.cache_limit));
    state_->kept_bytes.Set(double(now.kept_bytes));
    State::set(state_->preemptions, double(now.preemptions));
  }
  const ProcessState process = process_state();
  state_->memory.Set(process.resident_bytes);
  state_->files.Set(process.open_files);
  State::set(state_->cpu, process.cpu_seconds);
  state_->start.Set(process.start_seconds);
  std::string text = prometheus::TextSerializer().Serialize(state_->registry.Collect());
  // Of what has no label yet the library says nothing; the names are there all the same.
  constexpr std::pair<const char*, const char*> kLabelled[] = {{"limpid_build_info", "gauge"},
                                                               {"limpid_detox_requests_total", "counter"},
                                                               {"limpid_detox_strength", "histogram"}};
  for (const auto& [name, kind] : kLabelled)
    if (const std::string line = concat("# TYPE ", name, " ", kind, "\n"); text.find(line) == std::string::npos)
      text += line;
  return text;
}

void Metrics::scored(bool flagged, double seconds) {
  state_->scored_texts.Add({{"flagged", flagged ? "true" : "false"}}).Increment();
  state_->score_seconds.Observe(seconds);
}

void Metrics::rejected(const std::string& reason) { state_->rejections.Add({{"reason", reason}}).Increment(); }

void Metrics::finished(const RequestRecord& record) {
  if (record.status == 0) return;
  state_->requests.Add({{"route", record.route}, {"status", std::to_string(record.status)}}).Increment();
  state_->durations.Add({{"route", record.route}}, kRequestSeconds).Observe(record.seconds);
}

void Metrics::queued(double seconds) { state_->queue_seconds.Observe(seconds); }

void Metrics::first_token(double seconds) { state_->first_token_seconds.Observe(seconds); }

void Metrics::next_token(double seconds) { state_->token_seconds.Observe(seconds); }

void Metrics::prompt_read(int64_t tokens, int64_t kept) {
  state_->prompt_tokens.Increment(double(tokens));
  state_->cached_tokens.Increment(double(kept));
}

void Metrics::generated(size_t tokens) { state_->generated_tokens.Increment(double(tokens)); }

void Metrics::cancelled(Gone reason) {
  constexpr const char* kReasons[] = {"client_gone", "write_timeout", "shutdown"};
  state_->cancellations.Add({{"reason", kReasons[size_t(reason)]}}).Increment();
}

void Metrics::row_failed(bool not_finite) {
  state_->row_failures.Add({{"reason", not_finite ? "not_finite" : "internal"}}).Increment();
}

void Metrics::guarded(const GuardReport& report) {
  state_->guard_checks.Increment(double(report.checks));
  state_->guard_rewinds.Increment(double(report.rewinds));
  state_->guard_tokens.Increment(double(report.rewound_tokens));
  if (report.refused) state_->guard_refusals.Increment();
}

void Metrics::detoxified(const std::string& name, float strength) {
  state_->detox_requests.Add({{"name", name}}).Increment();
  state_->detox_strengths.Add({{"name", name}}, kStrengths).Observe(double(strength));
}

}  // namespace limpid::server
