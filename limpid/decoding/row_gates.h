#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/decoding/readings.h"
#include "limpid/decoding/session.h"

namespace limpid {

/// The gates of a Generator's sessions, and where those of a row stand.
class RowGates {
 public:
  /// @param watch  is told once of a gate that stays closed on a state that is not finite
  /// @throws ShapeError when a gate is not for this model.
  RowGates(const Model& model, std::span<const std::unique_ptr<Session>> sessions, Watch& watch);

  void prepare(ActiveRow& row) const { row.gates.resize(gates_.size()); }
  /// Sets the strengths of a row's next step: those asked for, 0 behind closed gates.
  void hold(ActiveRow& row) const;
  /// Says whether some session does not see the row only because its gate is closed.
  bool is_waiting(const ActiveRow& row) const;
  /// Shows the closed gates of a row what the plain model made of its step, and lets sessions in whose gate opens.
  /// Returns whether one did: then the step is to be read again.
  bool open(ActiveRow& row, std::span<const float> state, std::span<const float> logits);

 private:
  bool waits(const ActiveRow& row, size_t session) const;
  double risk_of(size_t gate, const ActiveRow& row, std::span<const float> state, std::span<const float> logits);

  Watch& watch_;
  std::vector<std::shared_ptr<const Gate>> gates_;  // each once
  std::vector<bool> warned_;                        // of each gate
  std::vector<std::optional<size_t>> gate_of_;      // of each session, in gates_
};

}  // namespace limpid
