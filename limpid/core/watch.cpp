#include "limpid/core/watch.h"

#include <utility>

namespace limpid {

void Watch::throw_if_stopped() {
  if (stop()) throw Interrupted("interrupted");
}

Watch& unwatched() {
  static Watch nobody;
  return nobody;
}

Progress::Progress(Watch& watch, std::string what, uint64_t total, std::string unit)
    : watch_(watch),
      what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total) {}

void Progress::update(uint64_t done, const std::string& detail) {
  if (first_ == UINT64_MAX) first_ = done;
  done_ = done;
  report(detail, false);
}

void Progress::finish(const std::string& detail) { report(detail, true); }

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Progress::report(const std::string& detail, bool finished) {
  watch_.progress(
      {what_, unit_, detail, done_, total_, first_ == UINT64_MAX ? 0 : done_ - first_, seconds(), finished});
}

}  // namespace limpid
