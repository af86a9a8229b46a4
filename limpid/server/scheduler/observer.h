#pragma once

#include <cstddef>
#include <string>

#include "limpid/server/http/exchange.h"
#include "limpid/server/responses/generation_response.h"

namespace limpid::server {

/// Hears what the scheduler does, for metrics and the log. Called from the scheduler's thread.
class SchedulerObserver {
 public:
  virtual ~SchedulerObserver() = default;
  virtual void queued(double seconds) {}       ///< a request's first row began
  virtual void first_token(double seconds) {}  ///< since the request came
  virtual void next_token(double seconds) {}   ///< since the row's last one
  virtual void prompt_read(int64_t tokens, int64_t kept) {}
  virtual void generated(size_t tokens) {}  ///< drawn, rewound ones too
  virtual void cancelled(Gone reason) {}
  virtual void row_failed(bool not_finite) {}
  virtual void guarded(const GuardReport& report) {}                   ///< at the end of a guarded choice
  virtual void detoxified(const std::string& name, float strength) {}  ///< of a request, by each that acts on it
};

}  // namespace limpid::server
