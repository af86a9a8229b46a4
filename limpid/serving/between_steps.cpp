#include "limpid/serving/between_steps.h"

namespace limpid::serving {

Backlog::Place Backlog::take(const std::shared_ptr<Backlog>& backlog, size_t bytes) {
  const size_t before = backlog->bytes_.fetch_add(bytes);
  Place place(nullptr, [backlog, bytes](void*) { backlog->bytes_ -= bytes; });
  if (before == 0 || before + bytes <= backlog->most_) return place;
  server::ApiError error(429, "queue_full", "no text more can wait to be read");
  error.retry_after = 1;
  throw error;
}

}  // namespace limpid::serving
