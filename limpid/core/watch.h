#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "limpid/core/error.h"

/// Lets long work talk to whoever started it. The library prints nothing, looks at no signal and never ends the
/// process.
namespace limpid {

/// State of a piece of work.
struct WorkState {
  const std::string& what;    ///< "calibrator"
  const std::string& unit;    ///< "steps"
  const std::string& detail;  ///< "loss 4.71"; may be empty
  uint64_t done, total;
  uint64_t fresh;  ///< of `done`, what was not there already when the work was taken up again
  double seconds;  ///< since it began
  bool finished;
};

/// Whoever watches long work: hears how far it is and what it has to say, and may ask it to stop. All calls come from
/// the thread that called the library. The base class hears nothing and never stops.
class Watch {
 public:
  virtual ~Watch() = default;
  virtual void progress(const WorkState& state) {}  ///< often: what is shown, and how seldom, is the watcher's choice
  virtual void info(const std::string& message) {}
  virtual void warning(const std::string& message) {}  ///< results are usable, and not all that was asked for
  virtual bool stop() { return false; }                ///< asked between steps of the work
  /// @throws Interrupted when stop() says so. Work that is kept says itself where, and how to go on from it.
  void throw_if_stopped();
};

/// Returns a watch that hears nothing and never stops.
Watch& unwatched();

/// One piece of long work, reported to a watch.
class Progress {
 public:
  Progress(Watch& watch, std::string what, uint64_t total, std::string unit);
  /// Reports what is done. The first call says what a run that was taken up again found finished.
  void update(uint64_t done, const std::string& detail = "");
  void finish(const std::string& detail = "");
  double seconds() const;  ///< since it began

 private:
  void report(const std::string& detail, bool finished);

  Watch& watch_;
  std::string what_, unit_;
  uint64_t total_, done_ = 0, first_ = UINT64_MAX;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace limpid
