#include "limpid/checkpoints/gguf.h"
#include "limpid/models/families.h"

namespace limpid {
namespace {

/// The one place that knows which families exist; architecture as config.json's model_type and GGUF name it.
const std::map<std::string, ModelMaker>& families() {
  static const std::map<std::string, ModelMaker> table = {
      {"llama", make_llama}, {"gpt2", make_gpt2}, {"gemma3", make_gemma3}};
  return table;
}

}  // namespace

std::string replace_parts(std::string name, const std::vector<std::pair<std::string, std::string>>& parts) {
  for (const auto& [from, to] : parts)
    if (const size_t at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
  return name;
}

nn::RotaryScaling rotary_scaling(const ModelConfig& config) {
  nn::RotaryScaling scaling;
  const RopeScaling& given = config.rope_scaling;
  if (given.type == "llama3") scaling.kind = nn::RotaryScaling::Kind::Llama3;
  if (given.type == "linear") scaling.kind = nn::RotaryScaling::Kind::Linear;
  scaling.factor = given.factor;
  scaling.low_freq_factor = given.low_freq_factor;
  scaling.high_freq_factor = given.high_freq_factor;
  scaling.original_max_position = double(given.original_max_position);
  return scaling;
}

std::shared_ptr<Model> open_model(const fs::path& path, const LoadOptions& options) {
  const auto checkpoint = Checkpoint::open(path);
  const auto* gguf = dynamic_cast<const GgufFile*>(checkpoint.get());
  const ModelConfig config = gguf ? ModelConfig::from_gguf(*gguf) : ModelConfig::from_folder(path);
  const auto family = families().find(config.architecture);
  if (family == families().end()) {
    std::string known;
    for (const auto& [name, maker] : families()) known += (known.empty() ? "" : ", ") + name;
    throw ConfigError(concat(path.string(), ": architecture \"", config.architecture, "\" is not supported; supported are ", known));
  }
  auto model = family->second(config, checkpoint, gguf != nullptr, options);
  model->path_ = path;
  if (gguf || has_tokenizer(path)) model->tokenizer_ = open_tokenizer(path);
  return model;
}

}  // namespace limpid
