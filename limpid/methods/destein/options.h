#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/data/pairs.h"
#include "limpid/methods/steering_options.h"

/// Options of `limpid fit destein`. No LibTorch here: the command line binds to these structs.
namespace limpid::destein {

inline constexpr const char* kToxicPrefix =
    "The following text is abusive, harmful, negative, obscene, racist, rude and toxic: ";
inline constexpr const char* kNeutralPrefix =
    "The following text is kind, polite, positive, respectful and supportive: ";

/// The form in which a text is put before the model.
struct PairFraming {
  bool prefixes = true;  ///< behind a sentence that says what follows, as in the paper
  bool chat = false;     ///< that sentence as a user turn of the model's chat template, the text as the answer to it
  int64_t window = 8;    ///< the last so many positions are averaged over; 0: all of the text, none of its prefix
};

enum class DirectionKind {
  Mean,      ///< mean of toxic - neutral
  Pca,       ///< first principal component of the pair differences (not centred), unit, signed to agree with the mean
  Logistic,  ///< per head, the weights of a logistic regression on all pairs: what tells the classes apart
  /// Mean without its component along the neutral texts' mean activation, per head: a push that turns the state toward
  /// neutral without shortening what all texts have in common
  Orthogonal,
  Random,  ///< the placebo: normal numbers
};
inline constexpr const char* kDirectionKinds[] = {"mean", "pca", "logistic", "orthogonal", "random"};
constexpr Names names_of(DirectionKind) { return kDirectionKinds; }

struct ProbeOptions {
  int64_t heads = 1;
  double C = 1.0;
  int64_t folds = 5;  ///< pair i is tested in fold i mod folds, so that both texts of a pair are held out together
};

struct SteeringFit {
  fs::path output;
  std::vector<SteeringPair> pairs;
  PairFraming framing;
  Tap tap = Tap::Projection;
  DirectionKind directions = DirectionKind::Mean;
  ProbeOptions probes;                         ///< heads is set by the tap
  SteeringRule rule = SteeringRule::Preserve;  ///< stored as the file's default, like the three below
  Positions positions = Positions::Last;
  int64_t first_layer = -1,
          last_layer = -1;  ///< -1: the middle layer, where steering begins to cost nothing (docs/results.md), or 0 for
                            ///< AsReleased; the last
  std::optional<float> strength;
  uint64_t seed = 1;
  Json provenance = Json::object();
};

/// Options of pairs that are made from the model itself (self_induced.h).
struct SelfInducedOptions {
  int64_t samples = 20, tokens = 30;
  int64_t pairs = 100;  ///< wanted at most
  int64_t rows = 25;
  uint64_t seed = 1;
};

}  // namespace limpid::destein
