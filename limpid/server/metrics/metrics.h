#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "limpid/server/http/http_server.h"
#include "limpid/server/scheduler/observer.h"

/// What GET /metrics shows, in Prometheus's text format. docs/serving.md lists the names.
namespace limpid::server {

/// Numbers that are looked up when they are asked for.
struct Gauges {
  size_t requests_running = 0, requests_waiting = 0, rows_running = 0, connections = 0;
  size_t cache_bytes = 0, cache_limit = 0, kept_bytes = 0;
  uint64_t preemptions = 0;
};

/// Counts what the sockets, the scheduler and the scorer do. Any thread.
class Metrics final : public HttpObserver, public SchedulerObserver {
 public:
  /// @param routes  whose counters are there from the start, besides "other"
  explicit Metrics(const std::vector<std::string>& routes);
  ~Metrics() override;

  /// Says what is served, once it is loaded. @param gauges  is asked in each text()
  void set_served(const std::string& model, const std::string& isa, const std::vector<std::string>& detoxifiers,
                  std::function<Gauges()> gauges);
  void scored(bool flagged, double seconds);  ///< a text
  void rejected(const std::string& reason);   ///< a request: queue_full, too_many_connections or shutting_down

  /// Returns the exposition, text format 0.0.4.
  std::string text() const;

  void finished(const RequestRecord& record) override;
  void too_many_connections() override { rejected("too_many_connections"); }
  void queued(double seconds) override;
  void first_token(double seconds) override;
  void next_token(double seconds) override;
  void prompt_read(int64_t tokens, int64_t kept) override;
  void generated(size_t tokens) override;
  void cancelled(Gone reason) override;
  void row_failed(bool not_finite) override;
  void guarded(const GuardReport& report) override;
  void detoxified(const std::string& name, float strength) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace limpid::server
