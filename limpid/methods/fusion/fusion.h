#pragma once

#include <memory>
#include <optional>
#include <string>

#include "limpid/decoding/detoxifier.h"
#include "limpid/methods/fusion/readout.h"

/// Output-layer fusion as a detoxifier (docs/methods.md, Output-layer fusion): a calibrator, a small model trained on
/// safe text, reads along with the target, and its last state enters the target's before the output matrix, or the two
/// distributions are mixed.
namespace limpid::fusion {

/// The models and settings of a session.
struct FusionParts {
  Readout readout = Readout::Norm;
  std::shared_ptr<const Model> calibrator;  ///< null for Temperature only
  std::shared_ptr<const Model> other;       ///< Contrast only: what the calibrator is held against
  StateMap map;                             ///< A; none where both states live in one space
};

/// Applies the read-out with a strength of its own in each row. With equal vocabularies the calibrator reads the row's
/// ids; otherwise its encoding of all bytes so far (ByteAlignedStream), and a row without any id yet is left plain.
class FusionSession final : public Session {
 public:
  /// @throws ConfigError or MismatchError when parts and target do not fit together, saying what would.
  FusionSession(const Model& target, FusionParts parts);

  std::vector<Reading> readings() const override;
  void final_state(const Step& step, Tensor& h) override;
  void logits(const Step& step, Tensor& z) override;

 private:
  FusionParts parts_;
  std::shared_ptr<const Tokenizer> foreign_;  // the calibrator's, where the vocabularies differ
};

/// A detoxifier made from models in memory.
class FusionDetoxifier final : public Detoxifier {
 public:
  explicit FusionDetoxifier(const FusionParts& parts, std::optional<float> default_strength = {});
};

}  // namespace limpid::fusion
