#pragma once

#include <span>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/data/text_data.h"
#include "limpid/tokenizers/tokenizer.h"
#include "limpid/training/options.h"

/// From rows of text to token sequences that know which of their tokens are to be learnt.
namespace limpid {

/// A token sequence; the loss is on the tokens from `loss_from` on (never on the first, which nothing predicts),
/// without those that are skipped.
struct Example {
  TokenIds ids;
  int64_t loss_from = 0;
  std::vector<bool> skipped = {};  ///< by token; empty: none. Prompts inside a packed window

  int64_t first_target() const { return loss_from > 1 ? loss_from : 1; }
  bool is_skipped(int64_t i) const { return !skipped.empty() && skipped[size_t(i)]; }
  int64_t targets() const {
    int64_t count = 0;
    for (int64_t i = first_target(); i < int64_t(ids.size()); ++i) count += !is_skipped(i);
    return count;
  }
};

/// Returns [BOS] prompt separator completion [EOS], from ONE tokenisation of prompt + separator + completion: a token
/// belongs to the completion if its first byte lies at or after the boundary (docs/methods.md, Calibrator; a mask from
/// a second tokenisation of the prompt disagrees at the boundary). BOS where the tokenizer adds one. Plain text is
/// learnt from its first token. Where a tokenizer changes the text (NFC, dropped characters), the boundary is counted
/// from the end instead.
Example make_example(const Tokenizer& tokenizer, const TextRow& row, const ExampleOptions& options);

/// Joins examples one behind the other and cuts them into windows of `length` tokens (the last may be shorter): no
/// padding. What was not learnt in an example is not learnt in a window; the first token of a text without BOS is,
/// after the end of the one before. Attention crosses from text to text. Windows without a target are left out.
std::vector<Example> pack_examples(std::span<const Example> examples, int64_t length);

/// Training and held-out examples. A row is held out by a hash of its text alone, so the split does not depend on the
/// order of the rows, on the seed or on other rows, and equal texts stay on one side.
struct ExampleSets {
  std::vector<Example> train, held_out;
  int64_t train_targets = 0, held_out_targets = 0;
  size_t without_target = 0;  ///< rows dropped because no token of the completion fits max_length
};

/// Makes the examples of all rows and splits them.
/// @param holdout  share of rows to hold out, in [0, 1). With a share above 0 at least one row is held out.
/// @param pack     full windows of max_length instead of one text per sequence (texts are then not cut); after the
/// split
/// @throws ConfigError when nothing is left to train on.
ExampleSets make_examples(const Tokenizer& tokenizer, std::span<const TextRow> rows, const ExampleOptions& options,
                          double holdout, bool pack = false, Watch& watch = unwatched());

/// Returns the place of a row between 0 and 1 by the SHA-256 of its prompt and text.
double hash_position(const TextRow& row);

/// Returns the place below which rows are held out: the share, moved so that both sides get at least one of several
/// rows.
double split_limit(std::span<const double> places, double holdout);

}  // namespace limpid
