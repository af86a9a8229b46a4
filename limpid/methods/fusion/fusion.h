#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "limpid/decoding/detoxifier.h"
#include "limpid/methods/fusion/readout.h"
#include "limpid/tokenizers/byte_stream.h"

/// Output-layer fusion as a detoxifier (methods.md 1): a calibrator, a small model trained on safe text, reads along
/// with the target, and its last state enters the target's before the output matrix, or the two distributions are
/// mixed.
namespace limpid {

/// What a session works with.
struct FusionParts {
  Readout readout = Readout::Norm;
  std::shared_ptr<const Model> calibrator;  ///< null for Temperature only
  std::shared_ptr<const Model> other;       ///< Contrast only: what the calibrator is held against
  StateMap map;                             ///< A; none where both states live in one space
};

/// Reads the calibrator's ids from the target's tokens, feeds every row of a step in one pass, and applies the read-out
/// with a strength of its own in each row. With equal vocabularies the two models go in lock-step; otherwise the
/// calibrator's ids are its encoding of all bytes so far (ByteAlignedStream), and a row without any id yet is left
/// plain.
class FusionSession final : public Session {
 public:
  /// @throws ConfigError or MismatchError when parts and target do not fit together, saying what would.
  FusionSession(const Model& target, FusionParts parts);
  ~FusionSession() override;

  void admit(const Row& row) override;
  void fork(const Row& from, const Row& to) override;
  void release(RowId row) override;
  void rewind(RowId row, size_t tokens) override;
  void final_state(const Step& step, Tensor& h) override;
  void logits(const Step& step, Tensor& z) override;

 private:
  struct Text;  // a row's text as the calibrator's ids
  class Helpers;

  const TokenIds& advance(const Row& row);
  Tensor helper_states(const Step& step, std::vector<int64_t>& rows);

  FusionParts parts_;
  std::shared_ptr<const Tokenizer> target_tokenizer_;
  bool same_vocabulary_ = true;
  std::unique_ptr<Helpers> helpers_;
  std::unordered_map<RowId, Text> texts_;
};

/// From models in memory.
class FusionDetoxifier final : public Detoxifier {
 public:
  explicit FusionDetoxifier(const FusionParts& parts, std::optional<float> default_strength = {});
};

/// Whether both models cut text into the same tokens under the same ids. Models without a tokenizer are taken by their
/// sizes.
bool same_vocabulary(const Model& a, const Model& b);

}  // namespace limpid
