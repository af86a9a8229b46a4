#pragma once

#include "limpid/training/text_run.h"

/// Low-rank fine-tuning: y = W x + b + (alpha / r) B A dropout(x), W and b frozen. Hu et al. 2021, arXiv:2106.09685.
namespace limpid {

/// Leaves a PEFT folder (peft.h) besides what train() writes (trainer.h, which also lists the errors). The frozen
/// weights are kept in the type of the products and have no optimiser state.
TrainingReport train_lora(const LoraOptions& options, Watch& watch = unwatched());

/// Trains the same adapter for another objective.
/// @param kind, settings  what tells its runs apart, besides the settings of the adapter
TrainingReport train_adapter(const LoraOptions& options, const std::string& kind, const Json& settings,
                             const std::function<std::unique_ptr<Objective>(const Model& model)>& objective,
                             Watch& watch = unwatched());

}  // namespace limpid
