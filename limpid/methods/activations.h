#pragma once

#include <span>
#include <string>
#include <vector>

#include "limpid/core/watch.h"
#include "limpid/models/model.h"

/// Activations of texts, averaged over some of their positions: what steering directions and probes are made from.
namespace limpid {

using torch::Tensor;

/// A text and the positions [first, ids.size()) that are averaged over.
struct PooledText {
  TokenIds ids;
  int64_t first = 0;

  /// Averages over the last `window` positions, all where there are fewer.
  static PooledText last(TokenIds ids, int64_t window);
  /// Averages over all positions of the first `most` ids; what is longer loses its end.
  static PooledText whole(TokenIds ids, int64_t most);
};

/// Returns mean activations at one site of every layer, [L, N, width] float32, in the order of the texts. Texts are
/// read several at a time; a text's result does not depend on the others.
/// @throws ConfigError for a text without tokens to average over.
Tensor mean_activations(const Model& model, Site site, std::span<const PooledText> texts,
                        const std::string& what = "activations", Watch& watch = unwatched());

/// Returns the mean states after the final norm, [N, D], on the same terms.
Tensor mean_final_states(const Model& model, std::span<const PooledText> texts, const std::string& what = "states",
                         Watch& watch = unwatched());

}  // namespace limpid
