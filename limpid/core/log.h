#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "limpid/core/error.h"

/// Messages for the person at the terminal, on standard error.
namespace limpid {

void log_info(const std::string& message);
void log_warning(const std::string& message);
void set_quiet(bool quiet);  ///< only warnings are shown

/// Progress of long work on standard error: a line that renews itself on a terminal, one line every ten seconds in a
/// log.
///   calibrator: 1200/4000 steps, 1,140 tokens/s, loss 4.71, 12 min left
class Progress {
 public:
  Progress(std::string what, uint64_t total, std::string unit);
  ~Progress();
  void update(uint64_t done, const std::string& detail = "");
  void finish(const std::string& detail = "");
  double seconds() const;

 private:
  void show(const std::string& detail, bool last);
  std::string what_, unit_;
  uint64_t total_, done_ = 0, first_ = UINT64_MAX;
  std::chrono::steady_clock::time_point start_, shown_;
  bool terminal_, open_ = true;
};

std::string human_duration(double seconds);  ///< "12 s", "3 min 20 s", "2 h 05 min"
std::string thousands(uint64_t value);       ///< "1,234,567"

/// Ctrl-C: the first sets a flag that long loops look at; the second ends the process at once.
void install_interrupt_handler();
bool interrupted();
void throw_if_interrupted();  ///< @throws Interrupted

}  // namespace limpid
