#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/core/names.h"

/// Options of `limpid fit fusion`. No LibTorch here: the command line binds to these structs.
namespace limpid::fusion {

/// h target state, c calibrator state, A map between the two spaces, a strength: readout.h.
enum class Readout {
  Norm,       ///< c' = cA |h| / |cA|; m = a c' + (1-a) h; h' = m |h| / |m|: the length of the state is kept
  LayerNorm,  ///< c' = LayerNorm(cA) without parameters; h' = a c' + (1-a) h; c' = c where there is no A: as published
  Scale,      ///< c' = cA rms(h) / rms(cA); h' = a c' + (1-a) h
  Convex,     ///< h' = a cA + (1-a) h
  Contrast,   ///< h' = h + a (c_safe - c_other) A
  Probability,  ///< log p' = a log p_calibrator + (1-a) log p_target, renormalised; needs equal vocabularies
  Temperature,  ///< z' = (1-a) z: the control, what the factor (1-a) does by itself
};
inline constexpr const char* kReadouts[] = {"norm",     "layernorm",   "scale",      "convex",
                                            "contrast", "probability", "temperature"};
constexpr Names names_of(Readout) { return kReadouts; }

enum class Alignment { None, Contrastive, Ridge, Procrustes, Random };
inline constexpr const char* kAlignments[] = {"none", "contrastive", "ridge", "procrustes", "random"};
constexpr Names names_of(Alignment) { return kAlignments; }

/// The place of the calibrator's weights.
enum class CalibratorStore {
  Auto,   ///< Embed where the embeddings are the target's, or those of `base`; else Link
  Embed,  ///< its blocks in 8 bits in the file; embeddings from the target, or from `base`
  Link,   ///< the file names the calibrator's folder, relative to itself
};
inline constexpr const char* kCalibratorStores[] = {"auto", "embed", "link"};
constexpr Names names_of(CalibratorStore) { return kCalibratorStores; }

struct FusionFit {
  fs::path calibrator, output;
  std::optional<fs::path> against;  ///< second model for the contrast: a toxic twin
  std::optional<fs::path>
      base;               ///< model with the calibrator's embeddings and tokenizer, where they are not the target's
  std::string base_name;  ///< how the file names it: a pulled model's name, or a path relative to the file
  /// None: the contrast with a second model, else the norm-preserving form, whose price in a chat docs/results.md has.
  std::optional<Readout> readout;
  Readout chosen_readout() const { return readout.value_or(against ? Readout::Contrast : Readout::Norm); }
  Alignment alignment = Alignment::None;
  /// For pairs of states: ridge and procrustes need them, the others are measured on them.
  std::vector<std::string> texts;
  int64_t pairs = 20000, max_tokens = 256;  ///< pairs of states in all; tokens of a text that are read
  double lambda = 1.0;                      ///< ridge penalty
  double temperature = 0.07;                ///< of the contrastive cosine
  std::optional<float> strength;            ///< default stored in the file; none: the read-out's own
  CalibratorStore store = CalibratorStore::Auto;
  uint64_t seed = 1;
  Json provenance = Json::object();  ///< data hashes, tool version, command
};

}  // namespace limpid::fusion
