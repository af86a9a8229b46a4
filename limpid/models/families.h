#pragma once

#include <any>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "limpid/models/model.h"
#include "limpid/nn/rotary.h"

/// The model families: one file and one maker each. open_model.cpp holds the table that picks them.
namespace limpid {

using ModelMaker = std::shared_ptr<Model> (*)(const ModelConfig&, std::shared_ptr<const Checkpoint>,
                                              const LoadOptions&);

std::shared_ptr<Model> make_llama(const ModelConfig&, std::shared_ptr<const Checkpoint>, const LoadOptions&);
std::shared_ptr<Model> make_gpt2(const ModelConfig&, std::shared_ptr<const Checkpoint>, const LoadOptions&);
std::shared_ptr<Model> make_gemma3(const ModelConfig&, std::shared_ptr<const Checkpoint>, const LoadOptions&);

/// Each first part found in `name` is replaced by its second, in order: how Hugging Face names become GGUF names.
std::string replace_parts(std::string name, const std::vector<std::pair<std::string, std::string>>& parts);

}  // namespace limpid
