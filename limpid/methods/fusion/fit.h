#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/core/files.h"
#include "limpid/core/watch.h"
#include "limpid/methods/fusion/readout.h"
#include "limpid/models/model.h"

/// `limpid fit fusion`: from a target and a calibrator to a detoxifier file. No gradient steps on the target.
namespace limpid {

enum class Alignment { None, Contrastive, Ridge, Procrustes, Random };
const char* name(Alignment alignment);
Alignment parse_alignment(const std::string& text);  ///< @throws ConfigError that names those there are

/// Where the calibrator's weights go.
enum class CalibratorStore {
  Auto,   ///< Embed where the embeddings are the target's, or those of `base`; else Link
  Embed,  ///< its blocks in 8 bits in the file; embeddings from the target, or from `base`
  Link,   ///< the file names the calibrator's folder, relative to itself
};

struct FusionFit {
  fs::path calibrator, output;
  std::optional<fs::path> against;  ///< second model for the contrast: a toxic twin
  std::optional<fs::path>
      base;               ///< model with the calibrator's embeddings and tokenizer, where they are not the target's
  std::string base_name;  ///< how the file names it: a pulled model's name, or a path relative to the file
  Readout readout = Readout::Norm;
  Alignment alignment = Alignment::None;
  std::vector<std::string>
      texts;  ///< for pairs of states: ridge and procrustes need them, the others are measured on them
  int64_t pairs = 20000, max_tokens = 256;  ///< pairs of states in all; tokens of a text that are read
  double lambda = 1.0;                      ///< ridge penalty
  double temperature = 0.07;                ///< of the contrastive cosine
  std::optional<float> strength;            ///< default stored in the file; none: the read-out's own
  CalibratorStore store = CalibratorStore::Auto;
  uint64_t seed = 1;
  Json provenance = Json::object();  ///< data hashes, tool version, command
};

/// Final states of two models on the same texts at positions where both have read the same bytes.
struct StatePairs {
  Tensor C, T;                          ///< [N, D1], [N, D2] float32, the calibrator's and the target's
  int64_t fit = 0;                      ///< the first `fit` pairs make the map; the rest, from other texts, test it
  size_t texts = 0, skipped_texts = 0;  ///< skipped: a tokenizer changed their bytes
};
/// @param pairs  how many at most; a tenth of the texts is held out
/// @throws ConfigError when the texts give fewer than two pairs on either side.
StatePairs collect_pairs(const Model& target, const Model& calibrator, std::vector<std::string> texts, int64_t pairs,
                         int64_t max_tokens, uint64_t seed, Watch& watch = unwatched());

/// Positions (index into `target`, index into `calibrator`) after which both have read the same bytes of one text, at
/// most one pair for each number of bytes, none before the first byte. Empty when the two spell different bytes.
std::vector<std::pair<int64_t, int64_t>> aligned_positions(const Tokenizer& target_tokenizer,
                                                           std::span<const TokenId> target,
                                                           const Tokenizer& calibrator_tokenizer,
                                                           std::span<const TokenId> calibrator);

/// Writes fit.output and returns its settings (with what was measured of the map under "align").
/// @throws ConfigError where read-out, alignment and models do not fit together, naming what would (ridge).
Json fit_fusion(const Model& target, const FusionFit& fit, Watch& watch = unwatched());

}  // namespace limpid
