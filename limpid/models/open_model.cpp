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

std::shared_ptr<Model> make_model(const ModelConfig& config, std::shared_ptr<const Checkpoint> checkpoint,
                                  const LoadOptions& options) {
  const auto family = families().find(config.architecture);
  if (family == families().end()) {
    std::string known;
    for (const auto& [name, maker] : families()) known += (known.empty() ? "" : ", ") + name;
    throw ConfigError(
        concat(config.source, ": architecture \"", config.architecture, "\" is not supported; supported are ", known));
  }
  return family->second(config, std::move(checkpoint), options);
}

std::shared_ptr<Model> open_model(const fs::path& path, const LoadOptions& options) {
  const ModelConfig config = read_config(path);
  auto model = make_model(config, Checkpoint::open(path), options);
  model->path_ = path;
  if (config.from_gguf || fs::exists(path / "tokenizer.json") || fs::exists(path / "vocab.json"))
    model->tokenizer_ = open_tokenizer(path);
  return model;
}

}  // namespace limpid
