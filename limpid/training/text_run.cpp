#include "limpid/training/text_run.h"

#include <algorithm>

#include "limpid/data/file_query.h"
#include "limpid/data/named_data.h"
#include "limpid/kernels/cpu.h"

namespace limpid {

torch::ScalarType compute_type(const TextRunOptions& options) {
  const bool fast = kernels::active_isa() == kernels::Isa::Avx512Bf16;
  const ComputeType type = options.compute.value_or(fast ? ComputeType::BF16 : ComputeType::F32);
  return type == ComputeType::BF16 ? torch::kBFloat16 : torch::kFloat32;
}

std::string model_sha256(const fs::path& path) {
  if (!fs::is_directory(path)) return sha256_file(path);
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(path))
    if (const auto ending = entry.path().extension();
        ending == ".safetensors" || ending == ".gguf" || entry.path().filename() == "config.json")
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::string lines;
  for (const fs::path& file : files) lines += file.filename().string() + " " + sha256_file(file) + "\n";
  return sha256(lines);
}

Json settings_of(const TextRunOptions& o) {
  Json data = Json::array();
  for (const std::string& entry : o.data.files) {
    const FileQuery query = FileQuery::parse(entry);
    data.push_back({{"file", fs::path(query.path).filename().string()},
                    {"sha256", sha256_file(resolve_data(query.path))},
                    {"query", query.query}});
  }
  Json settings = settings_of(static_cast<const TrainerOptions&>(o));
  settings.update({{"data", data},
                   {"where", o.data.where},
                   {"fields", o.data.fields},
                   {"compute", compute_type(o) == torch::kBFloat16 ? "bf16" : "f32"},
                   {"max_length", o.examples.max_length},
                   {"end_token", o.examples.end_token},
                   {"separator", o.examples.separator},
                   {"holdout", o.holdout}});
  if (!o.base.empty()) settings["base_sha256"] = model_sha256(o.base);
  if (o.pack) settings["pack"] = true;
  return settings;
}

}  // namespace limpid
