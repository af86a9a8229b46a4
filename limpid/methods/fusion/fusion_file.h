#pragma once

#include "limpid/core/names.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/fusion/fusion.h"

/// Contents of a detoxifier file of the method "fusion".
///
/// - settings.readout: the default; settings.readouts lists all that the file has what they need for.
/// - settings.calibrator: {"config": config.json of the calibrator, "store": …}; settings.toxic says the same of the
///   model that the contrast holds it against.
/// - store "target": tensors calibrator.NAME (toxic.NAME) hold the blocks and the final norm under Hugging Face names;
///   vocabulary tables (embeddings, output matrix) are those of the target.
/// - store "base": as "target", with the vocabulary tables and the tokenizer of the model with the role "base".
/// - store "folder": no tensors; the whole model is the one with the role "calibrator" ("toxic").
/// - settings.align: what A was made from and how well it does; tensor `map` [D1, D2] F32 where there is one.
/// - base.sample: [n, D] F16, evenly spaced rows of the embedding table that the blocks were trained on. The table of
///   another model with the same vocabulary is refused.
namespace limpid::fusion {

struct FusionFileSettings {
  Readout readout = Readout::Norm;
  std::vector<Readout> readouts;
  enum class Store { Target, Base, Folder } store = Store::Target;
  Json calibrator_config, toxic_config;  ///< null for Store::Folder, and toxic_config where there is no second model
  bool has_toxic = false, has_map = false;

  /// @throws FormatError that names the key.
  static FusionFileSettings parse(const DetoxifierFile& file);
};

inline constexpr const char* kCalibratorPrefix = "calibrator.";
inline constexpr const char* kToxicTensors = "toxic.";
inline constexpr const char* kMapTensor = "map";
inline constexpr const char* kSampleTensor = "base.sample";

inline constexpr const char* kFileStores[] = {"target", "base", "folder"};
constexpr Names names_of(FusionFileSettings::Store) { return kFileStores; }

/// Returns the tables that hold a row for each token, which a calibrator shares with its base.
std::map<std::string, std::shared_ptr<const nn::PackedMatrix>> vocabulary_tables(const Model& model);

/// Returns evenly spaced rows of a model's embedding table, [n, D] float32 with n <= 64.
Tensor embedding_sample(const Model& model);
/// Returns |a - b| / |b|: about 0.08 between a table and its 4-bit blocks, 1.4 between tables that have nothing in
/// common.
double relative_distance(const Tensor& a, const Tensor& b);
inline constexpr double kSameBase = 0.25;

}  // namespace limpid::fusion
