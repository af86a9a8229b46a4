#include "limpid/training/training_state.h"

#include <cstring>
#include <set>

#include "limpid/checkpoints/finite.h"
#include "limpid/checkpoints/safetensors.h"

namespace limpid {

Json TrainingProgress::to_json() const {
  return {{"step", step},
          {"epoch", epoch},
          {"epoch_step", epoch_step},
          {"tokens", tokens},
          {"targets", targets},
          {"train_seconds", train_seconds},
          {"first_loss", first_loss},
          {"best_loss", best_loss},
          {"best_step", best_step},
          {"evaluations_without_best", evaluations_without_best},
          {"stopped", stopped}};
}

TrainingProgress TrainingProgress::from_json(const Json& json, const std::string& source) {
  LIMPID_CHECK(json.is_object(), FormatError, source, ": progress is ", json_kind(json), ", expected an object");
  TrainingProgress progress;
  const auto integer = [&](const char* key, int64_t& value) { value = require<int64_t>(json, key, source); };
  const auto number = [&](const char* key, double& value) { value = require<double>(json, key, source); };
  integer("step", progress.step);
  integer("epoch", progress.epoch);
  integer("epoch_step", progress.epoch_step);
  integer("tokens", progress.tokens);
  integer("targets", progress.targets);
  number("train_seconds", progress.train_seconds);
  number("first_loss", progress.first_loss);
  number("best_loss", progress.best_loss);
  integer("best_step", progress.best_step);
  integer("evaluations_without_best", progress.evaluations_without_best);
  progress.stopped = require<bool>(json, "stopped", source);
  LIMPID_CHECK(progress.step >= 0 && progress.epoch >= 0 && progress.epoch_step >= 0, FormatError, source,
               ": negative progress");
  return progress;
}

void save_training_state(const fs::path& file, const std::map<std::string, torch::Tensor>& tensors,
                         const Json& settings, const TrainingProgress& progress) {
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : tensors) {
    LIMPID_CHECK(tensor.is_contiguous() && tensor.scalar_type() == torch::kFloat32, ShapeError, "[training state] ",
                 name, " is not contiguous float32");
    views.push_back({name,
                     DType::F32,
                     tensor.sizes().vec(),
                     {reinterpret_cast<const std::byte*>(tensor.const_data_ptr<float>()), size_t(tensor.nbytes())}});
  }
  write_safetensors(
      file, views,
      {{"limpid", to_text(Json{{"format", 1}, {"settings", settings}, {"progress", progress.to_json()}})}});
}

TrainingProgress load_training_state(const fs::path& file, const std::map<std::string, torch::Tensor>& tensors,
                                     const Json& settings) {
  const auto state = SafetensorsFile::open(file);
  const std::string source = "[training state] " + file.string();
  const auto metadata = state->metadata().find("limpid");
  LIMPID_CHECK(metadata != state->metadata().end(), FormatError, source,
               ": has no \"limpid\" metadata; was it written by limpid train?");
  const Json about = parse_json(metadata->second, source);
  LIMPID_CHECK(
      about.is_object() && about.value("format", 0) == 1 && about.contains("settings") && about.contains("progress"),
      FormatError, source, ": metadata of another format, expected format 1");
  const std::string difference = settings_difference(about["settings"], settings);
  LIMPID_CHECK(difference.empty(), MismatchError, file.string(), " was begun with other settings: ", difference,
               "; give the same, choose another output folder, or delete this file to start over");
  const TrainingProgress progress = TrainingProgress::from_json(about["progress"], source);
  torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : tensors) {
    const TensorView& view = state->at(name);
    LIMPID_CHECK(view.dtype == DType::F32 && torch::IntArrayRef(view.shape) == tensor.sizes(), FormatError, source,
                 ": tensor ", name, " has another shape or type than the model asks for");
    check_finite(view, source);
    std::memcpy(torch::Tensor(tensor).data_ptr<float>(), view.data.data(), view.data.size());
  }
  return progress;
}

std::string settings_difference(const Json& stored, const Json& now) {
  if (stored == now) return "";
  if (!stored.is_object() || !now.is_object()) return concat(to_text(stored), " there, ", to_text(now), " now");
  std::set<std::string> keys;
  for (const auto& [key, value] : stored.items()) keys.insert(key);
  for (const auto& [key, value] : now.items()) keys.insert(key);
  std::string text;
  const auto show = [](const Json& object, const std::string& key) {
    return object.contains(key) ? to_text(object[key]) : "absent";
  };
  for (const std::string& key : keys)
    if (show(stored, key) != show(now, key))
      text += concat(text.empty() ? "" : "; ", key, ": ", show(stored, key), " there, ", show(now, key), " now");
  return text;
}

MetricsLog::MetricsLog(const fs::path& file, int64_t step) {
  std::string kept;
  if (step > 0 && fs::exists(file)) {
    const std::string content = read_file(file);
    for (size_t begin = 0, end; (end = content.find('\n', begin)) != std::string::npos;
         begin = end + 1) {  // a line without its end is dropped
      const std::string line = content.substr(begin, end - begin);
      const Json row = Json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (row.is_object() && row.value("step", Json(0)).is_number_integer() && row["step"].get<int64_t>() <= step)
        kept += line + "\n";
    }
  }
  write_file(file, kept);
  log_ = LineLog(file);
  log_.read();
}

void MetricsLog::write(const Json& row) { log_.append(to_text(row)); }

}  // namespace limpid
