#pragma once

#include "limpid/checkpoints/config.h"
#include "limpid/core/files.h"
#include "limpid/core/names.h"
#include "limpid/core/watch.h"
#include "limpid/methods/detox_spec.h"

/// `limpid export`: detoxifiers as what other programs read. What comes out steers every row and every position with
/// one strength.
/// - destein, rule constant, tap heads or projection: a folder whose attention outputs have a bias (W_o of the offset,
///   or the offset -s w length z itself); a folder whose config.json says attention_bias gets zeros for queries, keys
///   and values.
/// - destein, rule constant, tap layer: a control vector (control_vector.h), direction.N = -s w length z.
/// - profs, model-surgery, a LoRA adapter's folder: a folder with the changed weights.
namespace limpid {

class Model;

enum class ExportForm {
  Folder,         ///< "hf": a Hugging Face folder, float32; the model must be opened trainable
  ControlVector,  ///< "control-vector": a GGUF file
};
inline constexpr const char* kExportForms[] = {"hf", "control-vector"};
constexpr Names names_of(ExportForm) { return kExportForms; }

/// Returns the form that fits a detoxifier. @throws ConfigError when none does, saying why and what would.
ExportForm export_form(const DetoxSpec& spec);

/// Returns whether a model has biases at its attention outputs, or can be given them, where constant offsets are kept.
bool has_room_for_offsets(const ModelConfig& config);

/// Writes the detoxifier at spec's strength (the file's default without one) as the form that fits it. A folder becomes
/// whole in one step, or stays as it was.
/// @throws MismatchError for a model that it was not made for; ConfigError as export_form does, and for strength 0.
void export_detoxifier(const Model& model, const DetoxSpec& spec, const fs::path& output, Watch& watch = unwatched());

}  // namespace limpid
