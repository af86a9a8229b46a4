#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "limpid/core/types.h"
#include "limpid/tokenizers/tokenizer.h"

/// The map A [D1, D2] from a calibrator's states to a target's (docs/methods.md, Alignment). Rows are calibrator
/// vectors c [N, D1] and target vectors t [N, D2] that belong together. Solved and returned in float64, but for
/// train_nce, which works in the type of its first map.
namespace limpid::fusion {

using torch::Tensor;

/// Returns (C^T C + lambda I)^-1 C^T T. @throws ConfigError for a negative lambda, or a singular system at lambda 0.
Tensor ridge_map(const Tensor& C, const Tensor& T, double lambda);
/// Returns U V^T of the singular value decomposition of C^T T: the orthogonal map that maximises tr(A^T C^T T). With
/// D1 > D2 its columns are orthonormal, and it is not the least-squares optimum.
Tensor procrustes_map(const Tensor& C, const Tensor& T);
/// Returns the placebo: orthonormal rows (columns when D1 > D2), uniformly distributed. The same seed gives the same
/// map.
Tensor random_orthogonal_map(int64_t D1, int64_t D2, uint64_t seed);
/// Returns ones on the diagonal; a rectangular one keeps the first min(D1, D2) coordinates.
Tensor identity_map(int64_t D1, int64_t D2);

/// The likeness s(cA, t) of the contrastive losses.
struct NceOptions {
  bool cosine = true;  ///< cosine similarity over `temperature`; false: inner products, as released
  double temperature = 0.07;
};

/// Returns how badly each c_i A tells which target vector belongs to it,
/// L_i = -log( exp s(c_i A, t_i) / (exp s(c_i A, t_i) + sum_k exp s(c_i A, t_{n_ik})) ) for the rows `batch` [B] and
/// their negatives [B, K], both int64. Differentiable in A. @return [B]
Tensor nce_losses(const Tensor& C, const Tensor& T, const Tensor& A, const Tensor& batch, const Tensor& negatives,
                  const NceOptions& options);

struct AdamSettings {
  double learning_rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
};

/// Takes Adam steps on A with given batches [S, B] and negatives [S, B, K].
/// @param on_step  called after each step with its number (from 1), the loss before it, and A after it
/// @return A after the last step, in the type of `A0`
Tensor train_nce(const Tensor& C, const Tensor& T, const Tensor& A0, const Tensor& batches, const Tensor& negatives,
                 const NceOptions& options, const AdamSettings& adam = {},
                 const std::function<void(int64_t step, double loss, const Tensor& A)>& on_step = {});

/// Draws the negatives of `count` rows: `per_row` others of them, never the row itself. [count, per_row] int64.
Tensor draw_negatives(int64_t count, int64_t per_row, uint64_t seed);
/// Draws `epochs` passes over `count` rows in batches of `batch`, each pass in an order of its own; a last batch that
/// is not full is left out. [S, batch] int64.
Tensor draw_batches(int64_t count, int64_t batch, int64_t epochs, uint64_t seed);

/// Returns 1 - |T - CA|^2 / |T - column means of T|^2.
double explained_variance(const Tensor& C, const Tensor& T, const Tensor& A);
/// Returns the share of rows whose cA has a higher cosine with its own t than with each of its negatives [N, K].
double retrieval_accuracy(const Tensor& C, const Tensor& T, const Tensor& A, const Tensor& negatives);

/// Returns the pairs of ids (calibrator's, target's) that stand for the same bytes, ordered by the calibrator's id.
/// Special tokens have none. Where several ids of one vocabulary stand for the same bytes the lowest counts.
std::vector<std::pair<TokenId, TokenId>> common_tokens(const Tokenizer& calibrator, const Tokenizer& target);

}  // namespace limpid::fusion
