#pragma once

#include <memory>
#include <span>
#include <string>

#include "limpid/decoding/gate.h"
#include "limpid/decoding/readings.h"
#include "limpid/decoding/row.h"
#include "limpid/decoding/strength_limits.h"

/// The doors of a decode step: what a detoxifier does to the rows of one Generator.
namespace limpid {

/// The rows of one step. In `activations` and `projected`, row r owns the tokens [begin(r), end(r)) of the pass.
struct Step {
  std::span<const Row* const> rows;
  std::span<const float> strengths;    ///< of this session, one per row, never 0
  const nn::Pass* pass = nullptr;      ///< set in `activations` and `projected` only
  std::span<const int64_t> sequence;   ///< row r is sequence sequence[r] of the pass
  std::span<ActiveRow* const> active;  ///< the same rows, for the members below
  const Readings* readings = nullptr;
  size_t session = 0;
  /// The tokens are the beginnings of prompts that go on in a later step: no row ends with the last of them, and
  /// nothing was read along.
  bool is_part = false;

  int64_t begin(size_t r) const { return pass->offset[size_t(sequence[r])]; }
  int64_t end(size_t r) const { return pass->offset[size_t(sequence[r]) + 1]; }
  bool reads_prompt(size_t r) const { return rows[r]->new_ids.empty(); }
  /// Returns what was read for one of the session's readings.
  ReadTexts read(size_t reading) const { return readings->texts(session, reading, active); }
  /// Returns what the session keeps of a row: at first `Memory{}`; copied when the row forks, gone with the row.
  template <class Memory>
  Memory& memory(size_t r) const {
    std::any& place = active[r]->memories[session];
    if (!place.has_value()) place = Memory{};
    return *std::any_cast<Memory>(&place);
  }
  /// Ends a row: it gets the first message and is not passed to a session again; the other rows go on. Rows may fail on
  /// several threads at once.
  void fail(size_t r, const std::string& message) const {
    if (!active[r]->error) active[r]->error = message;
  }
};

/// Sessions run in command-line order and see earlier edits. Rows whose strength is 0, or whose gate is closed, are not
/// passed to a session: they are bit-identical to the plain model and cost nothing. Calls are batched, once per step
/// for all rows; at the doors of the pass once more for rows whose gate opens in it. An exception ends all rows of the
/// step; one that is thrown inside parallel_rows (logits.h), and Step::fail, end one.
class Session {
 public:
  virtual ~Session() = default;
  // Set by the detoxifier that opens the session.
  StrengthLimits limits;             ///< those that a request is held to
  std::shared_ptr<const Gate> gate;  ///< when it acts; null: always. Sessions may share one

  /// Returns what is read along with every row; asked for once.
  virtual std::vector<Reading> readings() const { return {}; }
  virtual bool listens(Site site, int64_t layer) const { return false; }
  virtual void activations(Site site, int64_t layer, const Step& step, Tensor& x) {}  ///< [N, D] float32, all tokens
  virtual bool listens(Projection projection, int64_t layer) const { return false; }
  /// Changes output y [N, out] of a linear layer with input x [N, in], all tokens, float32, as a change of its weights
  /// would, for some rows only.
  virtual void projected(Projection projection, int64_t layer, const Step& step, const Tensor& x, Tensor& y) {}
  virtual void final_state(const Step& step, Tensor& h) {}  ///< [rows, D] float32, in place or replaced
  virtual void logits(const Step& step, Tensor& z) {}       ///< [rows, V] float32, nats, before temperature
};

}  // namespace limpid
