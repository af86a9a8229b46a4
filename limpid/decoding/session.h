#pragma once

#include <memory>
#include <span>
#include <string>

#include "limpid/decoding/row.h"
#include "limpid/decoding/streams.h"
#include "limpid/decoding/strength_limits.h"

/// The doors of a decode step: what a detoxifier does to the rows of one Generator.
namespace limpid {

/// The rows of one step. In `activations` and `projected`, row r owns the tokens [begin(r), end(r)) of the pass.
struct Step {
  std::span<const Row* const> rows;
  std::span<const float> strengths;   ///< of this session, one per row, never 0
  const nn::Pass* pass = nullptr;     ///< set in `activations` and `projected` only
  std::span<const int64_t> sequence;  ///< row r is sequence sequence[r] of the pass

  int64_t begin(size_t r) const { return pass->offset[size_t(sequence[r])]; }
  int64_t end(size_t r) const { return pass->offset[size_t(sequence[r]) + 1]; }
  bool reads_prompt(size_t r) const { return rows[r]->new_ids.empty(); }
};

/// Sessions run in command-line order and see earlier edits. Rows whose strength is 0 are not passed to a session, not
/// even admitted: strength 0 is bit-identical to the plain model and costs nothing. Calls are batched, once per step
/// for all rows. An exception ends the rows of the step and reaches the caller.
class Session {
 public:
  virtual ~Session() = default;
  StrengthLimits limits;  ///< that a request is held to, set by the detoxifier that opens the session

  virtual void admit(const Row& row) {}                 ///< a prompt is about to be read
  virtual void fork(const Row& from, const Row& to) {}  ///< `to` starts as a copy of `from` (samples of one prompt)
  virtual void release(RowId row) {}
  virtual void rewind(RowId row, size_t tokens) {}  ///< the row dropped its last tokens

  virtual void begin(const Step& step) {}  ///< before the model reads the step's tokens
  /// Adds what the target may read ahead in the step's pass. A session that is not asked reads it by itself.
  virtual void streams(const Step& step, std::vector<Streams>& all) {}
  virtual bool listens(Site site, int64_t layer) const { return false; }
  virtual void activations(Site site, int64_t layer, const Step& step, Tensor& x) {}  ///< [N, D] float32, all tokens
  virtual bool listens(Projection projection, int64_t layer) const { return false; }
  /// Input x [N, in] and output y [N, out] of a linear layer, all tokens, float32: a change of its weights, of some
  /// rows only.
  virtual void projected(Projection projection, int64_t layer, const Step& step, const Tensor& x, Tensor& y) {}
  virtual void final_state(const Step& step, Tensor& h) {}  ///< [rows, D] float32, in place or replaced
  virtual void logits(const Step& step, Tensor& z) {}       ///< [rows, V] float32, nats, before temperature
};

}  // namespace limpid
