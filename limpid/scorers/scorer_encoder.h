#pragma once

#include <memory>
#include <string>

#include "limpid/models/encoder.h"
#include "limpid/scorers/scorer_file.h"

/// The encoder below the head of a scorer file.
namespace limpid {

/// Opens the encoder that a scorer was trained on: a folder of its name beside the file, else a pulled model.
/// @param source  the scorer's file
/// @throws ConfigError when it is not there; MismatchError when its weights or vocabulary differ.
std::shared_ptr<const Encoder> open_scorer_encoder(const ScorerFile& file, Precision precision,
                                                   const std::string& source);

/// Returns what the head sees of each text, [texts, F], float32.
Tensor compute_features(const ScorerFeatures& features, const Encoder& encoder, const EncoderBatch& batch);

/// Returns the SHA-256 of model.safetensors in an encoder's folder; of the shards' hashes in order of their names where
/// there are several.
std::string encoder_weights_sha256(const fs::path& folder);

}  // namespace limpid
