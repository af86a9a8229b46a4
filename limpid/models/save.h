#pragma once

#include <map>

#include "limpid/core/watch.h"
#include "limpid/models/model.h"

/// Writing a trainable model as an ordinary Hugging Face folder.
namespace limpid {

/// How the folder that is written differs from the model.
struct ModelChanges {
  std::map<std::string, Tensor>
      tensors;  ///< float32, in place of parameters or besides them, named and laid out as Model::parameters()
  Json config = Json::object();  ///< keys of config.json
  fs::path tokenizer;  ///< folder, tokenizer.json or GGUF file that the tokenizer comes from; empty: the model's base
};

/// Writes config.json, generation_config.json, model.safetensors (float32, named and laid out as the family's published
/// checkpoints; a tied output matrix is not written twice) and the tokenizer's files: copied from a base folder, made
/// from the vocabulary of a GGUF base. Where that is not possible (split rules we cannot write) a warning says so and
/// the tokenizer is left out. transformers' AutoModelForCausalLM and AutoTokenizer load the folder, and open_model
/// does.
/// @param metadata  further entries for `__metadata__` of the safetensors file
/// @throws ConfigError for a model that was not opened trainable, and for settings that config.json cannot express;
/// FormatError, before anything is written, for weights that are not finite.
void save_hf_folder(const Model& model, const fs::path& folder, const std::map<std::string, std::string>& metadata = {},
                    const ModelChanges& changes = {}, Watch& watch = unwatched());

/// Returns tensors of a model, or others of their shapes, named and laid out as the family's published checkpoints
/// have them; parts of one stored matrix are put together.
/// @param tensors  by the names of Model::parameters()
std::vector<std::pair<std::string, Tensor>> stored_tensors(const ModelConfig& config,
                                                           const std::map<std::string, Tensor>& tensors);

}  // namespace limpid
