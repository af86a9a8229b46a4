#pragma once

#include <cstddef>
#include <cstdint>

/// Choosing the experts of a mixture: which feed-forward layers a token goes through, and how much each counts.
namespace limpid::kernels {

/// The part of one expert in a token's result.
struct Share {
  int32_t expert;
  float weight;
};

/// Returns the experts of each row by their scores: the `count` largest, of equal ones the first, in ascending order of
/// the experts. Their weights are softmax(scores) over all experts; where `whole`, divided by their sum. Rows do not
/// influence one another. Scores that are not numbers make weights that are not.
/// @param scores  [rows, experts] float32    @param shares  [rows, count], written; 1 <= count <= experts
void choose_experts(const float* scores, size_t rows, size_t experts, size_t count, bool whole, Share* shares);

}  // namespace limpid::kernels
