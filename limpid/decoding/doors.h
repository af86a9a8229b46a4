#pragma once

#include <memory>
#include <span>
#include <vector>

#include "limpid/decoding/session.h"

/// One step of several rows through the model, with all sessions at its doors.
namespace limpid {

class Doors final : public ActivationHook {
 public:
  /// @param rows      row r is sequence r of the pass; all live as long as the step
  /// @param observer  sees the activations as the sessions left them; may be null
  Doors(std::span<const std::unique_ptr<Session>> sessions, std::span<const Row* const> rows,
        ActivationHook* observer = nullptr);

  struct Result {
    Tensor final_state;  ///< [rows, D]
    Tensor logits;       ///< [rows, V]
  };
  /// Reads the tokens of the pass into its caches, and streams of sessions along with them (not before an observer, who
  /// sees rows only).
  Result step(const Model& model, const nn::Pass& rows);

  bool listens(Site site, int64_t layer) const override;
  void activations(Site site, int64_t layer, const nn::Pass& pass, Tensor& x) override;
  bool listens(Projection projection, int64_t layer) const override;
  void projected(Projection projection, int64_t layer, const nn::Pass& pass, const Tensor& x, Tensor& y) override;

 private:
  /// A session with the rows whose strength is not 0; sessions without such rows are left out.
  struct View {
    Session* session;
    std::vector<const Row*> rows;
    std::vector<float> strengths;
    std::vector<int64_t> sequence;
    Step step(const nn::Pass* pass) const { return {rows, strengths, pass, sequence}; }
  };
  /// Streams in the pass of the step.
  struct Beside {
    Streams streams;
    nn::Pass pass;  // of them alone, as their change sees it
    int64_t begin;  // of their tokens in the pass of the step
  };
  /// The rows, and behind them the streams that sessions let the target read along.
  nn::Pass with_streams(const nn::Pass& rows);
  /// Lets each session edit its rows of `x` [rows, …].
  template <class Edit>
  void edit_rows(Tensor& x, Edit edit);

  std::vector<View> views_;
  std::vector<Beside> beside_;
  size_t all_rows_;
  ActivationHook* observer_;
};

}  // namespace limpid
