#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// Adding low-rank changes of a linear layer to what came out of it.
namespace limpid::kernels {

/// dW = up^T down (or up^T down W) of one layer, rank r. With x the layer's input, y its output and b its bias,
///   y += s up^T (down x)         or, where the product is read,
///   y += s up^T (down (y - b)).
struct LowRankChange {
  size_t rank, width;             ///< width: what `down` reads, in or out
  size_t changed, out;            ///< changed: columns of `up`; out: width of y
  const float* down;              ///< [rank, width]
  const float* up;                ///< [rank, changed]
  const int64_t* rows = nullptr;  ///< [changed], the y that each column of `up` adds to; null: all in order
  bool reads_product = false;
  const float* bias = nullptr;  ///< [out] or null; read only with the product
};

/// One token's input and output.
struct LowRankToken {
  const float* x;
  float* y;
  float strength;
};

/// Adds the change to each token by itself, in float32 with inner products in double of eight lanes, so that a token's
/// numbers depend on nothing beside it.
void add_low_rank(const LowRankChange& change, std::span<const LowRankToken> tokens);
/// Adds the change to one token in double, as the formulas stand.
void add_low_rank_plain(const LowRankChange& change, const LowRankToken& token);

}  // namespace limpid::kernels
