#include "limpid/models/save.h"

#include "limpid/checkpoints/finite.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/watch.h"
#include "limpid/tokenizers/tokenizer.h"
#include "limpid/tokenizers/write_tokenizer_json.h"

namespace limpid {
namespace {

/// Parameters and what is put in their place, by the model's names, as Hugging Face files count them: GGUF files have
/// the offset of norms added in.
std::map<std::string, Tensor> outgoing_tensors(const Model& model, const ModelChanges& changes) {
  const ModelConfig& config = model.config();
  const double offset = config.from_gguf ? family_of(config).norm_offset : 0;
  std::map<std::string, Tensor> all = model.parameters();
  for (const auto& [name, tensor] : changes.tensors) all[name] = tensor;
  for (auto& [name, tensor] : all) {
    tensor = tensor.detach();
    if (offset != 0 && tensor.dim() == 1 && name.ends_with(".weight")) tensor = tensor - float(offset);
  }
  return all;
}

/// @param base  the folder that tokenizer files are copied from, a tokenizer.json, or the GGUF file they are made from
void write_tokenizer(const fs::path& base, const fs::path& folder, Watch& watch) {
  if (base.extension() == ".json") {
    write_file(folder / "tokenizer.json", read_file(base));
    return;
  }
  if (has_tokenizer(base)) {
    for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.json",
                             "merges.txt", "tokenizer.model", "spiece.model", "spm.model", "added_tokens.json",
                             "chat_template.jinja", "chat_template.json"})
      if (fs::exists(base / name)) write_file(folder / name, read_file(base / name));
    for (const auto& entry : fs::directory_iterator(base))
      if (entry.path().extension() == ".tiktoken")
        write_file(folder / entry.path().filename(), read_file(entry.path()));
    return;
  }
  if (fs::exists(base / "config.json")) return;  // a model without a tokenizer
  const auto checkpoint = Checkpoint::open(base);
  const auto* file = dynamic_cast<const GgufFile*>(checkpoint.get());
  if (!file || !write_tokenizer_json(*file, folder))
    watch.warning(concat("the tokenizer of ", base.filename().string(),
                         " cannot be written as tokenizer.json; use the base's own for this model"));
}

}  // namespace

std::vector<std::pair<std::string, Tensor>> stored_tensors(const ModelConfig& config,
                                                           const std::map<std::string, Tensor>& tensors) {
  std::vector<std::pair<std::string, Tensor>> out;
  std::map<std::string, Tensor> shared;
  for (const auto& [name, tensor] : tensors) {
    const StoredTensor stored = stored_tensor(config, name, FileKind::HuggingFace);
    const Tensor value = stored.transposed ? tensor.t().contiguous() : tensor.contiguous();
    if (stored.row.empty()) {
      out.emplace_back(stored.name, value);
      continue;
    }
    const int64_t dimension = stored.transposed ? 1 : 0;
    std::vector<int64_t> shape = value.sizes().vec();
    shape[size_t(dimension)] = stored.rows;
    const auto [whole, first] = shared.try_emplace(stored.name, torch::zeros(shape));
    whole->second.index_copy_(dimension, torch::tensor(stored.row), value);
    if (first) out.emplace_back(*whole);
  }
  return out;
}

void save_hf_folder(const Model& model, const fs::path& folder, const std::map<std::string, std::string>& metadata,
                    const ModelChanges& changes, Watch& watch) {
  const ModelConfig& config = model.config();
  LIMPID_CHECK(!model.parameters().empty(), ConfigError, "[save] ", model.path().string(),
               " was opened for inference; open it trainable to save it");
  std::map<std::string, std::string> about = metadata;
  about["format"] = "pt";  // what transformers asks for
  const auto tensors = stored_tensors(config, outgoing_tensors(model, changes));
  std::vector<TensorView> views;
  for (const auto& [name, value] : tensors)
    views.push_back({name,
                     DType::F32,
                     value.sizes().vec(),
                     {reinterpret_cast<const std::byte*>(value.const_data_ptr<float>()), size_t(value.nbytes())}});
  check_finite_to_write(views, "[save] " + folder.string());
  Json json = config_to_huggingface(config);
  json.update(changes.config);
  const fs::path base_generation = model.path() / "generation_config.json";
  fs::create_directories(folder);
  write_tokenizer(changes.tokenizer.empty() ? model.path() : changes.tokenizer, folder, watch);
  write_file(folder / "generation_config.json",
             !model.path().empty() && !config.from_gguf && fs::exists(base_generation)
                 ? read_file(base_generation)
                 : to_text(generation_json(json), 2) + "\n");
  write_safetensors(folder / "model.safetensors", views, about);
  write_file(folder / "config.json", to_text(json, 2) + "\n");  // last: a folder with it is whole
}

}  // namespace limpid
