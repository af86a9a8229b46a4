#include "limpid/methods/fusion/fusion.h"

#include "limpid/decoding/logits.h"
#include "limpid/models/vocabulary.h"

namespace limpid::fusion {
namespace {

const char* kPlaceOfRidge = "limpid fit fusion --align ridge makes a map between two models that differ";

}  // namespace

FusionSession::FusionSession(const Model& target, FusionParts parts) : parts_(std::move(parts)) {
  if (parts_.readout == Readout::Temperature) return;
  LIMPID_CHECK(parts_.calibrator, ConfigError, "[fusion] read-out ", limpid::name(parts_.readout),
               " needs a calibrator");
  const Model& calibrator = *parts_.calibrator;
  const int64_t D1 = calibrator.config().hidden_size, D2 = target.config().hidden_size;
  const bool same = same_vocabulary(target, calibrator);
  if (parts_.readout == Readout::Probability) {
    LIMPID_CHECK(same, MismatchError, "[fusion] mixing probabilities needs equal vocabularies (the target has ",
                 target.config().vocab_size, " tokens, the calibrator ", calibrator.config().vocab_size, "); ",
                 kPlaceOfRidge);
  } else if (parts_.map.defined()) {
    LIMPID_CHECK(parts_.map.rows() == D1 && parts_.map.columns() == D2, MismatchError,
                 "[fusion] the map goes from width ", parts_.map.rows(), " to ", parts_.map.columns(),
                 ", the calibrator has ", D1, " and the target ", D2);
  } else {
    LIMPID_CHECK(D1 == D2, MismatchError, "[fusion] the calibrator has width ", D1, ", the target ", D2, "; ",
                 kPlaceOfRidge);
  }
  LIMPID_CHECK(same || (target.tokenizer() && calibrator.tokenizer()), MismatchError,
               "[fusion] target and calibrator have different vocabularies, and ",
               target.tokenizer() ? "the calibrator" : "the target", " came without its tokenizer");
  if (parts_.readout == Readout::Contrast) {
    LIMPID_CHECK(parts_.other, ConfigError,
                 "[fusion] the contrast needs a second model to hold the calibrator against");
    LIMPID_CHECK(parts_.other->config().hidden_size == D1 && same_vocabulary(calibrator, *parts_.other), MismatchError,
                 "[fusion] the two models of the contrast differ in width or vocabulary");
  }
  if (!same) foreign_ = calibrator.tokenizer();
}

std::vector<Reading> FusionSession::readings() const {
  if (parts_.readout == Readout::Temperature) return {};
  const Reading calibrator{.model = parts_.calibrator, .tokenizer = foreign_};
  if (parts_.readout != Readout::Contrast) return {calibrator};
  return {calibrator, {.model = parts_.other, .tokenizer = foreign_}};
}

void FusionSession::final_state(const Step& step, Tensor& h) {
  if (parts_.readout == Readout::Temperature || parts_.readout == Readout::Probability) return;
  const ReadTexts calibrator = step.read(0);
  Tensor c = calibrator.states();
  if (parts_.readout == Readout::Contrast) c -= step.read(1).states();
  c = parts_.map.forward(c);
  const auto mapped = rows_of(c);
  parallel_rows(step, h, [&](size_t r, std::span<float> state) {
    if (!calibrator.has(r)) return;
    if (parts_.readout == Readout::Contrast)
      add_scaled(step.strengths[r], state, mapped[r]);
    else
      mix_state(parts_.readout, parts_.map.defined(), step.strengths[r], state, mapped[r]);
  });
}

void FusionSession::logits(const Step& step, Tensor& z) {
  if (parts_.readout != Readout::Temperature && parts_.readout != Readout::Probability) return;
  Tensor helper = parts_.readout == Readout::Probability ? step.read(0).logits() : z;
  const auto calibrator = rows_of(helper);
  parallel_rows(step, z, [&](size_t r, std::span<float> row) {
    const float strength = step.strengths[r];
    if (parts_.readout == Readout::Temperature) return scale_logits(strength, row);
    LIMPID_CHECK(mix_log_probabilities(strength, row, calibrator[r]), ConfigError,
                 "[fusion] target and calibrator leave no common token");
  });
}

FusionDetoxifier::FusionDetoxifier(const FusionParts& parts, std::optional<float> default_strength)
    : Detoxifier(concat("fusion/", limpid::name(parts.readout)),
                 default_strength.value_or(fusion::default_strength(parts.readout, parts.map.defined())),
                 strength_range(parts.readout),
                 [parts](const Model& target) { return std::make_unique<FusionSession>(target, parts); }) {}

}  // namespace limpid::fusion
