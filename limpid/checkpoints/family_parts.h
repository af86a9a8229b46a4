#pragma once

#include "limpid/checkpoints/config.h"
#include "limpid/checkpoints/config_keys.h"
#include "limpid/checkpoints/family.h"
#include "limpid/core/error.h"

/// Parts that the readers and writers of configs share: the two kinds of files, and the families' descriptions.
namespace limpid {

/// Reads the settings that all families have. @param family  null: one that is not known, of which what is there is
/// read, so that it can be named and shown
void read_settings(const ConfigKeys& keys, const Family* family, ModelConfig& config);

/// Reads rotary bases, scaling and the part of a head that rotates.
void read_rope(const ConfigKeys& keys, const ConfigDefaults& defaults, ModelConfig& config);

/// Reads token types, the padding id and the labels of an encoder (Family::read_config).
void read_encoder_config(const ConfigKeys& keys, ModelConfig& config);

/// Takes windows away that config.json does not switch on with "use_sliding_window" (Family::read_config).
void read_window_switch(const ConfigKeys& keys, ModelConfig& config);
/// Reads the width of an encoder's token embedding. @param usual  where config.json is silent
void read_embedding_size(const ConfigKeys& keys, int64_t usual, ModelConfig& config);

/// Reads windows that config.json switches on with "use_sliding_window", for the layers from "max_window_layers" on
/// where it does not list their types (Family::read_config).
void read_upper_windows(const ConfigKeys& keys, ModelConfig& config);
/// Adds such windows to a config.json, where the model has some (Family::write_config).
void add_upper_windows(const ModelConfig& config, Json& json);

/// Returns the keys of a config.json that most decoders have (Family::write_config): sizes, rotary positions, biases of
/// the attention. @throws ConfigError for rotary scaling that config.json cannot say.
Json decoder_config_json(const ModelConfig& config);
/// Returns an integer where a number is one: transformers takes nothing else for some settings.
Json number_json(double value);
/// Returns what Gemma's scores are divided by the square root of, which its GGUF files do not hold: the head size, but
/// hidden_size / num_heads in the model of 27B. @param layers_of_27b  how many layers that one has
double gemma_score_scalar(const ModelConfig& config, int64_t layers_of_27b);
Json layer_types_json(const ModelConfig& config);  ///< ["sliding_attention", "full_attention", …]

/// Returns linear layers under the names that most families of rotary, gated decoders have.
/// @param row  StoredMatrix::row of queries and keys in GGUF files
std::vector<ProjectionFormat> usual_projections(decltype(StoredMatrix::row) row = nullptr);

/// Returns those of the attention alone, for families whose every block has experts.
std::vector<ProjectionFormat> attention_projections(decltype(StoredMatrix::row) row = nullptr);

/// Returns the row, as StoredMatrix::row does, for heads that rotate neighbouring rows (0, 1), (2, 3), …, where Hugging
/// Face's rotate the two halves of a head: how llama.cpp's converter rearranges queries and keys.
int64_t neighbour_pair_row(const ModelConfig& config, Projection projection, int64_t row);

/// Returns the row, as StoredMatrix::row does, of queries, keys and values that lie in one matrix group by group: the
/// queries of the heads that share a key, that key, that value.
int64_t grouped_row(const ModelConfig& config, Projection projection, int64_t row);

}  // namespace limpid
