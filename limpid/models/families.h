#pragma once

#include "limpid/models/model.h"

/// The decoder families' models. Which families there are stands in checkpoints/families/table.inl.
namespace limpid {

using ModelMaker = std::shared_ptr<Model> (*)(const ModelConfig& config, const Weights& weights);

/// Adds or replaces what computes a family (checkpoints/family.h describes it). Not while models are being opened.
void add_decoder(const std::string& family, ModelMaker maker);

}  // namespace limpid
