#pragma once

#include <memory>
#include <span>
#include <vector>

#include "limpid/decoding/row_gates.h"
#include "limpid/decoding/session.h"

/// Steps of rows through the model, with all sessions at its doors.
namespace limpid {

class Doors {
 public:
  /// @param watch  hears warnings as long as the doors stand
  Doors(std::shared_ptr<const Model> model, std::vector<std::unique_ptr<Session>> sessions, Watch& watch = unwatched());

  const Model& model() const { return *model_; }
  size_t sessions() const { return sessions_.size(); }
  const Readings& readings() const { return readings_; }

  /// @throws ConfigError for a strength beyond the limits of its session.
  void check_strengths(std::span<const float> strengths) const;
  /// Returns a row of which nothing is read yet; strengths that are missing are 0. @throws ConfigError as
  /// check_strengths.
  ActiveRow open_row(Request request) const;

  struct Result {
    Tensor final_state;  ///< [rows, D]
    Tensor logits;       ///< [rows, V]
  };
  /// Reads what is unread of the rows into their caches, and what sessions want read along; the last token once more
  /// where a gate opens. A row whose logits are not
  /// numbers, or leave no token, gets an error; so does a row that a session fails.
  /// @param rows      each has something unread
  /// @param observer  sees the activations of the rows, and of nothing else, as the sessions left them; may be null
  Result step(std::span<ActiveRow* const> rows, ActivationHook* observer = nullptr);
  /// Reads the first tokens[r] of what is unread of row r, whose prompt goes on behind them. Gates, what is read along
  /// and all doors behind the layers wait for the prompt's end: in parts it leaves the bits that it leaves at once.
  void read_part(std::span<ActiveRow* const> rows, std::span<const size_t> tokens);

  /// Returns bytes of the pages of all caches, those of helpers included.
  size_t cache_bytes() const;
  /// Returns bytes of the pages that it takes a row to read so many tokens more.
  size_t bytes_to_append(const ActiveRow& row, size_t tokens) const;
  /// Returns bytes of one position of a row whose sessions all act, in all caches.
  size_t bytes_per_token() const;

 private:
  Tensor read(std::span<ActiveRow* const> rows, ActivationHook* observer);
  Tensor open_gates(std::span<ActiveRow* const> rows, std::span<const int64_t> waiting, Tensor& states,
                    ActivationHook* observer);
  Tensor logits_of(std::span<ActiveRow* const> rows, const Tensor& states, std::span<const int64_t> waiting,
                   const Tensor& plain) const;

  std::shared_ptr<const Model> model_;
  std::vector<std::unique_ptr<Session>> sessions_;
  RowGates gates_;
  Readings readings_;
};

}  // namespace limpid
