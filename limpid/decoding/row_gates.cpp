#include "limpid/decoding/row_gates.h"

#include <algorithm>
#include <cmath>

#include "limpid/core/error.h"

namespace limpid {
namespace {

/// Returns the place of the token that a row's step ends with.
int64_t position_of(const ActiveRow& row) {
  return int64_t(row.row.request.prompt_ids.size() + row.row.new_ids.size()) - 1;
}

}  // namespace

RowGates::RowGates(const Model& model, std::span<const std::unique_ptr<Session>> sessions, Watch& watch)
    : watch_(watch),
      gate_of_(sessions.size()) {
  for (size_t s = 0; s < sessions.size(); ++s) {
    const auto& gate = sessions[s]->gate;
    if (!gate) continue;
    const auto known = std::find(gates_.begin(), gates_.end(), gate);
    gate_of_[s] = size_t(known - gates_.begin());
    if (known != gates_.end()) continue;
    gate->check_fits(model.config().hidden_size, model.config().vocab_size);
    gates_.push_back(gate);
  }
  warned_.resize(gates_.size());
}

void RowGates::hold(ActiveRow& row) const {
  row.strengths = row.row.request.strengths;
  for (size_t g = 0; g < gates_.size(); ++g) {
    const float value = gates_[g]->held_open(row.gates[g], position_of(row));
    for (size_t s = 0; s < gate_of_.size(); ++s)
      if (gate_of_[s] == g) row.strengths[s] *= value;
  }
}

bool RowGates::waits(const ActiveRow& row, size_t session) const {
  return gate_of_[session] && row.strengths[session] == 0.0f && row.row.request.strengths[session] != 0.0f;
}

bool RowGates::is_waiting(const ActiveRow& row) const {
  for (size_t s = 0; s < gate_of_.size(); ++s)
    if (waits(row, s)) return true;
  return false;
}

double RowGates::risk_of(size_t gate, const ActiveRow& row, std::span<const float> state,
                         std::span<const float> logits) {
  const double risk = gates_[gate]->risk(state, logits);
  if (!std::isfinite(risk) && !warned_[gate]) {
    warned_[gate] = true;
    watch_.warning(concat(gates_[gate]->parts().name, ": the model's state is not finite (prompt ",
                          row.row.request.prompt + 1, ", token ", row.row.new_ids.size() + 1,
                          "); the gate stays closed on such states"));
  }
  return risk;
}

bool RowGates::open(ActiveRow& row, std::span<const float> state, std::span<const float> logits) {
  std::vector<std::optional<float>> values(gates_.size());
  bool is_open = false;
  for (size_t s = 0; s < gate_of_.size(); ++s) {
    if (!waits(row, s)) continue;
    std::optional<float>& value = values[*gate_of_[s]];
    if (!value) {
      const size_t gate = *gate_of_[s];
      value = gates_[gate]->take(row.gates[gate], position_of(row), risk_of(gate, row, state, logits));
    }
    row.strengths[s] = *value * row.row.request.strengths[s];
    is_open = is_open || *value != 0.0f;
  }
  return is_open;
}

}  // namespace limpid
