#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limpid/checkpoints/checkpoint.h"
#include "limpid/core/json.h"
#include "limpid/decoding/session.h"

/// The detoxifier file of design.md section 6: one safetensors file whose metadata key `limpid` holds
///   {"format": 1, "method", "target": {"architecture", "hidden_size", "layers", "vocab_size", "vocab_sha256"}, "settings",
///    "default_strength", "strength_meaning", "needs": [{"role", "path", "sha256"}], "provenance"}
/// safetensors has no block types: a tensor in blocks lies there as U8 [rows, bytes of a row], and settings.blocks says
/// {NAME: {"type": "Q8_0", "shape": [rows, columns]}}.
namespace limpid {

/// The model a detoxifier was made for.
struct TargetSignature {
  std::string architecture;
  int64_t hidden_size = 0, layers = 0, vocab_size = 0;
  std::string vocab_sha256;                   ///< empty when the model came without a tokenizer

  static TargetSignature of(const Model& model);
  /// What differs, "hidden_size 576, this model has 640; …"; empty when nothing does. A hash that one side lacks is not compared.
  std::string difference(const TargetSignature& other) const;
};

/// Another model that the detoxifier reads at run time.
struct DetoxifierNeed {
  std::string role;                           ///< "calibrator", "base", …
  std::string path;                           ///< relative to the detoxifier's folder, or the name of a pulled model
  std::string sha256;                         ///< of the weights file
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
};

class DetoxifierFile {
 public:
  /// @throws IoError when it cannot be read; FormatError, one line that names file and place, for everything malformed;
  ///         ConfigError for a format number of a later Limpid.
  static std::shared_ptr<const DetoxifierFile> open(const fs::path& path);

  const fs::path& path() const { return path_; }
  const DetoxifierInfo& info() const { return info_; }
  /// The tensors, blocks as what they are. Views live as long as the file.
  const std::shared_ptr<const Checkpoint>& tensors() const { return tensors_; }
  /// The tensors whose names begin with `prefix`, without it.
  std::shared_ptr<const Checkpoint> tensors_below(const std::string& prefix) const;

  /// @throws MismatchError, one line that says what differs.
  void check_target(const Model& target) const;
  /// The model with this role, found beside this file or by name. @throws FormatError when the file names none; IoError when it
  /// is not there, saying how to get it; MismatchError when its hash is another.
  fs::path need(const std::string& role) const;

 private:
  fs::path path_;
  DetoxifierInfo info_;
  std::shared_ptr<const Checkpoint> tensors_;
};

/// Writes a detoxifier file, or nothing. Tensors may be in blocks.
void write_detoxifier(const fs::path& path, const DetoxifierInfo& info, const std::vector<TensorView>& tensors);

/// SHA-256 of the file, or of a folder's one weights file; of several, the SHA-256 of their hashes in the order of their names.
/// An adapter's config counts among its files: it says how the weights are scaled.
std::string weights_sha256(const fs::path& model);

/// A need that names a model, with its hash: a pulled one by its name, others by their place relative to the detoxifier's folder.
DetoxifierNeed linked_model(const std::string& role, const fs::path& model, const fs::path& detoxifier);

/// FILE[?key=value&key=value][:STRENGTH], or a control that needs no file (controls.h): control:NAME[:STRENGTH].
struct DetoxSpec {
  std::string file;                           ///< or the name of a control
  std::map<std::string, std::string> options;
  std::optional<float> strength;

  /// @throws ConfigError for text that is none of that.
  static DetoxSpec parse(const std::string& text);
};

/// Makes the method's detoxifier; models are read when it is opened on a target.
/// @throws ConfigError for an option the method does not know.
using DetoxifierLoader = std::shared_ptr<Detoxifier> (*)(std::shared_ptr<const DetoxifierFile> file, const DetoxSpec& spec);

/// "3-20", "3-" or "3" as inclusive layers [first, last] counted from 0; -1 for an open end. @throws ConfigError, `where` in front.
std::pair<int64_t, int64_t> parse_layers(const std::string& text, const std::string& where);

/// The usual detoxifier: refuses a target that the file was not made for, then lets `open` make the session. Default strength from the file.
/// @param name  for tables: method/variant
std::shared_ptr<Detoxifier> file_detoxifier(std::shared_ptr<const DetoxifierFile> file, std::string name,
                                            std::function<std::unique_ptr<Session>(const Model& target)> open);

/// The methods there are, by the name in the file. The one table that a new method is entered in.
const std::map<std::string, DetoxifierLoader>& detoxifier_methods();

/// @throws what DetoxifierFile::open does; ConfigError for a method that this Limpid does not have, naming those it has.
std::shared_ptr<Detoxifier> open_detoxifier(const DetoxSpec& spec);

}  // namespace limpid
