#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limpid/checkpoints/checkpoint.h"
#include "limpid/core/json.h"
#include "limpid/methods/method_info.h"
#include "limpid/methods/target_signature.h"

/// The detoxifier file (docs/detoxifiers.md, The file): one safetensors file whose metadata key `limpid` holds
/// - {"format": 1, "method", "target", "settings", "default_strength", "strength_meaning", "needs", "provenance"}, and
///   "gate" where it wears one
/// - "target": {"architecture", "hidden_size", "layers", "vocab_size", "vocab_sha256"}
/// - each of "needs": {"role", "path", "sha256"}
/// safetensors has no block types: a tensor in blocks lies there as U8 [rows, bytes of a row], and settings.blocks says
/// {NAME: {"type": "Q8_0", "shape": [rows, columns]}}.
namespace limpid {

/// Another model that the detoxifier reads at run time.
struct DetoxifierNeed {
  std::string role;    ///< "calibrator", "base", …
  std::string path;    ///< below the detoxifier's folder, or the name of a pulled model
  std::string sha256;  ///< of the weights file
};

/// Everything in the metadata but the format number.
struct DetoxifierInfo {
  std::string method;
  TargetSignature target;
  Json settings = Json::object();
  double default_strength = 1.0;
  std::string strength_meaning;
  std::vector<DetoxifierNeed> needs;
  Json provenance = Json::object();
  Json gate;  ///< the gate that it wears (gate/file.h); null: none
};

class DetoxifierFile {
 public:
  /// @throws IoError when it cannot be read; FormatError, one line that names file and place, for everything malformed;
  ///         ConfigError for a format number of a later Limpid.
  static std::shared_ptr<const DetoxifierFile> open(const fs::path& path);

  const fs::path& path() const { return path_; }
  const DetoxifierInfo& info() const { return info_; }
  /// Returns the tensors, those in blocks with their block type. Views live as long as the file.
  const std::shared_ptr<const Checkpoint>& tensors() const { return tensors_; }
  /// Returns a detoxifier that lies in this file: its method, settings, needs and default strength as `entry` says, its
  /// tensors those whose names begin with `prefix`. @param place  begins messages    @throws FormatError
  std::shared_ptr<const DetoxifierFile> part(const Json& entry, const std::string& prefix,
                                             const std::string& place) const;
  /// Returns the tensors whose names begin with `prefix`, named without it.
  std::shared_ptr<const Checkpoint> tensors_below(const std::string& prefix) const;

  /// @throws MismatchError, one line that says what differs.
  void check_target(const Model& target) const;
  /// Returns the path of the model with this role, beside this file or pulled by name. @throws FormatError when the
  /// file names none; IoError when it is not there, saying how to get it; MismatchError when its hash is another.
  fs::path need(const std::string& role) const;

 private:
  fs::path path_;
  DetoxifierInfo info_;
  std::shared_ptr<const Checkpoint> tensors_;
};

/// Returns the info of a new file, but for its settings and needs.
/// @param strength  its default; else the method's usual one
DetoxifierInfo new_detoxifier(const MethodInfo& method, const Model& target, std::optional<float> strength,
                              const Json& provenance);

/// Writes a detoxifier file, or nothing. Tensors may be in blocks. @throws FormatError for numbers that are not finite.
void write_detoxifier(const fs::path& path, const DetoxifierInfo& info, const std::vector<TensorView>& tensors);

/// Returns the SHA-256 of the file, or of a folder's one weights file; of several, the SHA-256 of their hashes in the
/// order of their names. An adapter's config counts among its files: it says how the weights are scaled.
std::string weights_sha256(const fs::path& model);

/// Returns the path of a model as a detoxifier file may name it: below its own folder, so that a file from elsewhere
/// cannot ask for others. @throws ConfigError for a model that lies elsewhere, with the way out.
std::string needed_path(const std::string& role, const fs::path& model, const fs::path& detoxifier);

/// Returns a need that names a model, with its hash: a pulled one by its name, others by their place below the
/// detoxifier's folder. @throws ConfigError for a model that lies elsewhere.
DetoxifierNeed linked_model(const std::string& role, const fs::path& model, const fs::path& detoxifier);

}  // namespace limpid
