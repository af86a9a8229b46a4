#pragma once

#include <functional>
#include <string>
#include <vector>

#include "limpid/core/watch.h"

namespace limpid {

/// One phase of long work, as it is expected to go; only the proportions count.
struct Phase {
  std::string name;
  double seconds;  ///< on some machine
  double pieces;   ///< of work that it will report, one after another
};

/// Long work of several phases, to the watch of whoever started it: one line for each phase, with the time that is left
/// in all. What is expected is corrected by what the phases took that have finished, and the present one so far. Of the
/// work inside, warnings are passed on; what it says else stays within the line.
///   2 of 3, strengths: 45/100 %, strength-0.3, 6 min 10 s left in all
class Phases final : public Watch {
 public:
  /// @param clock  seconds since whenever; for tests
  Phases(Watch& watch, std::vector<Phase> phases, std::function<double()> clock = {});

  /// Begins the next phase.
  void next();
  /// Ends the present phase. @param outcome  what came of it, may be empty
  void end(const std::string& outcome = "");

  void progress(const WorkState& state) override;
  void warning(const std::string& message) override { watch_.warning(message); }
  bool stop() override { return watch_.stop(); }

 private:
  double share_done() const;  ///< of the present phase
  double seconds_left() const;
  void report(uint64_t percent, const std::string& detail, bool finished);

  Watch& watch_;
  std::vector<Phase> phases_;
  std::function<double()> clock_;
  size_t begun_ = 0;  ///< the present phase is begun_ - 1
  double start_ = 0.0;
  std::string piece_;                        ///< the present one
  double pieces_ = 0.0, piece_share_ = 0.0;  ///< finished pieces of the phase; of the present one
  bool resumed_ = false;                     ///< some of the phase was there already: it says nothing of speed
  double taken_seconds_ = 0.0, expected_seconds_ = 0.0;  ///< of the finished phases that do
};

}  // namespace limpid
