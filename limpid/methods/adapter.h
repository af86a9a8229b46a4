#pragma once

#include "limpid/checkpoints/peft.h"
#include "limpid/decoding/readings.h"
#include "limpid/methods/weight_delta.h"

/// Low-rank adapters (LoRA folders as the peft library keeps them) as detoxifiers: their change lies beside the
/// target's weights, with a strength for each row. At strength s each adapted layer computes y + s scale B (A x); 1 is
/// as trained, negative goes the other way.
namespace limpid {

/// Returns the adapter's changes at strength 1, an entry for each kind of layer it adapts.
/// @throws MismatchError naming the module when it is not a linear layer of a block of this model, or of other sizes.
std::vector<WeightDeltas> adapter_deltas(const PeftAdapter& adapter, const Model& target);

/// Opens a model that reads along: another one from its folder or file, or, for an adapter's folder, the target itself
/// with the adapter, from the same weights in memory.
Reading open_reader(const fs::path& path, const std::shared_ptr<const Model>& target, Precision precision);
/// Opens it at the target's own precision.
Reading open_reader(const fs::path& path, const Model& target);

}  // namespace limpid
