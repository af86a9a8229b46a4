#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "limpid/core/watch.h"

namespace limpid::apps {

/// The person at the terminal, on standard error: a line of progress that renews itself (a line every ten seconds in a
/// log), messages, and Ctrl-C.
///   calibrator: 1200/4000 steps, loss 4.71, 12 min left
class Terminal final : public Watch {
 public:
  Terminal();
  ~Terminal() override;
  void progress(const WorkState& state) override;
  void info(const std::string& message) override;
  void warning(const std::string& message) override;
  bool stop() override;                           ///< Ctrl-C was pressed, or the process was told to end
  void set_quiet(bool quiet) { quiet_ = quiet; }  ///< only warnings are shown
  /// Makes the first Ctrl-C, SIGTERM or SIGHUP from now on ask long work to stop; the second ends the process at once,
  /// if `twice_ends`. Under nohup SIGHUP stays ignored.
  void catch_interrupts(bool twice_ends = true);
  bool forget_interrupt();    ///< as if Ctrl-C had not been pressed; returns whether it was
  static int stopped_code();  ///< exit code of a process that was asked to stop: 128 and the signal's number
  void end_line();            ///< so that what follows begins a line of its own

 private:
  bool quiet_ = false, line_open_ = false;
  const bool renews_;  ///< a terminal rather than a log
  std::string shown_what_;
  std::chrono::steady_clock::time_point shown_;
};

/// Returns the terminal of this process.
Terminal& terminal();

/// Standard input line by line, as it comes.
class StandardLines {
 public:
  /// Returns the next line without its end; nothing behind the last. @throws Interrupted when Ctrl-C ends the wait.
  std::optional<std::string> next();

 private:
  std::string waiting_;  // what came behind the lines that were returned
  bool ended_ = false;
};

/// Returns all that comes on standard input. @throws Interrupted when Ctrl-C ends the wait for it.
std::string read_standard_input();

}  // namespace limpid::apps
