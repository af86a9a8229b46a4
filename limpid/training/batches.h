#pragma once

#include <torch/types.h>

#include <span>
#include <vector>

#include "limpid/training/examples.h"

/// Batches of sequences of similar length, in an order that is a pure function of (seed, epoch).
namespace limpid {

/// Inputs and targets of one forward pass. Rows are padded on the right with id 0: causal attention never looks there,
/// and no loss is computed there.
struct Batch {
  torch::Tensor ids;        ///< [B, T] int64
  torch::Tensor positions;  ///< [M] int64, places in the flattened [B * T] whose next token is learnt
  torch::Tensor targets;    ///< [M] int64, those tokens
  int64_t tokens = 0;       ///< without padding
};

Batch make_batch(std::span<const Example> examples, std::span<const uint32_t> chosen);

/// Plans which examples go together in one epoch: shuffled, sorted by length inside windows of `kWindow` batches, cut
/// into batches, and the batches shuffled. Every example occurs exactly once.
/// @param lengths  of the examples, in tokens
std::vector<std::vector<uint32_t>> plan_epoch(std::span<const int64_t> lengths, int64_t batch, uint64_t seed,
                                              uint64_t epoch);

/// Cuts the examples, in order of length, into batches: for measuring, where order does not matter.
std::vector<std::vector<uint32_t>> plan_by_length(std::span<const int64_t> lengths, int64_t batch);

}  // namespace limpid
