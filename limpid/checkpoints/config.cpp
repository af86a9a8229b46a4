#include "limpid/checkpoints/config.h"

namespace limpid {

ModelConfig read_config(const fs::path& path) {
  std::error_code error;
  LIMPID_CHECK(fs::exists(path, error), IoError, "[config] ", path.string(), ": no such file or folder");
  const bool beside = path.extension() == ".safetensors" || path.filename() == "config.json";  // a file of a folder
  if (!fs::is_directory(path, error) && !beside) return config_from_gguf(*GgufFile::open(path));
  const fs::path folder = beside ? path.parent_path() : path;
  const fs::path file = folder / "config.json", generation = folder / "generation_config.json";
  if (fs::exists(file, error))
    return config_from_huggingface(read_json(file), fs::exists(generation, error) ? read_json(generation) : Json(),
                                   file.string());
  const std::vector<fs::path> files = gguf_models(folder);
  LIMPID_CHECK(files.size() == 1, FormatError, "[config] ", folder.string(), ": config.json is missing",
               files.empty() ? "" : ", and there are several .gguf files; name the one you mean");
  return config_from_gguf(*GgufFile::open(files.front()));
}

}  // namespace limpid
