#pragma once

#include "limpid/checkpoints/model_store.h"
#include "limpid/core/json.h"
#include "tests/support/walk.h"

/// Golden results of real models, which `limpid models pull` fetches.
namespace limpid::testing_support {

/// The packaged model that golden.json of a folder is about, by the hash of its file; null for any other.
inline const PackagedModel* packaged_model_of(const fs::path& golden) {
  if (!fs::exists(golden / "golden.json")) return nullptr;
  const std::string hash = read_json(golden / "golden.json").value("gguf_sha256", "");
  for (const PackagedModel& model : packaged_models())
    for (const PackagedFile& file : model.files)
      if (file.sha256 == hash) return &model;
  return nullptr;
}

/// The golden folder of the packaged model NAME; a path that does not exist when there is none.
inline fs::path golden_folder_of(const std::string& name) {
  for (const fs::path& folder : sorted_folders(golden_dir()))
    if (const PackagedModel* model = packaged_model_of(folder); model && model->name == name) return folder;
  return golden_dir() / ("folder of " + name);
}

}  // namespace limpid::testing_support
