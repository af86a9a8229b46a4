#include "limpid/methods/fusion/alignment.h"

#include <torch/optim/adam.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_map>

#include "limpid/core/error.h"
#include "limpid/core/random.h"

namespace limpid::fusion {
namespace {

void check_pairs(const Tensor& C, const Tensor& T) {
  LIMPID_CHECK(C.dim() == 2 && T.dim() == 2 && C.size(0) == T.size(0) && C.size(0) > 0, ShapeError,
               "[alignment] pairs of shapes ", C.sizes(), " and ", T.sizes(), ", expected [N, D1] and [N, D2]");
}

Tensor wide(const Tensor& x) { return x.detach().to(torch::kFloat64); }

/// Scales rows to length 1; a row of zeros stays zero.
Tensor unit_rows(const Tensor& x) { return x / x.norm(2, {-1}, /*keepdim=*/true).clamp_min(1e-12); }

}  // namespace

Tensor ridge_map(const Tensor& C, const Tensor& T, double lambda) {
  check_pairs(C, T);
  LIMPID_CHECK(lambda >= 0.0 && std::isfinite(lambda), ConfigError, "[alignment] ridge penalty ", lambda,
               ", expected at least 0");
  const Tensor c = wide(C), t = wide(T);
  const Tensor gram = c.t().matmul(c) + lambda * torch::eye(C.size(1), torch::kFloat64);
  const auto [factor, fault] = torch::linalg_cholesky_ex(gram);
  LIMPID_CHECK(fault.item<int>() == 0, ConfigError, "[alignment] ", C.size(0), " pairs do not determine a map from ",
               C.size(1), " dimensions; give more text or a ridge penalty above 0");
  return torch::cholesky_solve(c.t().matmul(t), factor);
}

Tensor procrustes_map(const Tensor& C, const Tensor& T) {
  check_pairs(C, T);
  const auto [U, S, Vh] = torch::linalg_svd(wide(C).t().matmul(wide(T)), /*full_matrices=*/false);
  return U.matmul(Vh);
}

Tensor random_orthogonal_map(int64_t D1, int64_t D2, uint64_t seed) {
  const int64_t tall = std::max(D1, D2), thin = std::min(D1, D2);
  Tensor normal = torch::empty({tall, thin}, torch::kFloat64);
  RandomStream random(seed, /*stream=*/0x706c6163);
  double* values = normal.mutable_data_ptr<double>();
  for (int64_t i = 0; i < normal.numel(); ++i) values[i] = random.next_normal();
  const auto [Q, R] = torch::linalg_qr(normal, "reduced");
  const Tensor signed_Q = Q * R.diagonal().sign();  // without the signs of R the distribution would not be uniform
  return (D1 <= D2 ? signed_Q.t() : signed_Q).contiguous();
}

Tensor identity_map(int64_t D1, int64_t D2) { return torch::eye(D1, D2, torch::kFloat64); }

Tensor nce_losses(const Tensor& C, const Tensor& T, const Tensor& A, const Tensor& batch, const Tensor& negatives,
                  const NceOptions& options) {
  Tensor mapped = C.index_select(0, batch).matmul(A);  // [B, D2]
  Tensor targets = T.index_select(0, batch);           // [B, D2]
  Tensor others = T.index_select(0, negatives.reshape({-1})).view({negatives.size(0), negatives.size(1), T.size(1)});
  if (options.cosine) {
    mapped = unit_rows(mapped) / options.temperature;
    targets = unit_rows(targets);
    others = unit_rows(others);
  }
  const Tensor positive = (mapped * targets).sum(-1, /*keepdim=*/true);     // [B, 1]
  const Tensor negative = others.matmul(mapped.unsqueeze(-1)).squeeze(-1);  // [B, K]
  return torch::cat({positive, negative}, 1).logsumexp({1}) - positive.squeeze(1);
}

Tensor train_nce(const Tensor& C, const Tensor& T, const Tensor& A0, const Tensor& batches, const Tensor& negatives,
                 const NceOptions& options, const AdamSettings& adam,
                 const std::function<void(int64_t, double, const Tensor&)>& on_step) {
  check_pairs(C, T);
  const torch::AutoGradMode with_gradients(true);
  Tensor A = A0.detach().clone().set_requires_grad(true);
  torch::optim::Adam optimiser(
      {A}, torch::optim::AdamOptions(adam.learning_rate).betas({adam.beta1, adam.beta2}).eps(adam.epsilon));
  const Tensor c = C.to(A.dtype()), t = T.to(A.dtype());
  for (int64_t step = 0; step < batches.size(0); ++step) {
    optimiser.zero_grad();
    const Tensor loss = nce_losses(c, t, A, batches[step], negatives[step], options).mean();
    loss.backward();
    optimiser.step();
    if (on_step) on_step(step + 1, loss.item<double>(), A.detach());
  }
  return A.detach();
}

Tensor draw_negatives(int64_t count, int64_t per_row, uint64_t seed) {
  LIMPID_CHECK(count > 1 && per_row > 0, ConfigError, "[alignment] ", per_row, " negatives among ", count,
               " rows; at least two rows are needed");
  Tensor result = torch::empty({count, per_row}, torch::kInt64);
  RandomStream random(seed, /*stream=*/0x6e656761);
  int64_t* values = result.mutable_data_ptr<int64_t>();
  for (int64_t row = 0; row < count; ++row)
    for (int64_t k = 0; k < per_row; ++k) {
      const int64_t other = int64_t(random.next_below(uint64_t(count - 1)));
      values[row * per_row + k] = other < row ? other : other + 1;
    }
  return result;
}

Tensor draw_batches(int64_t count, int64_t batch, int64_t epochs, uint64_t seed) {
  batch = std::min(batch, count);
  const int64_t per_epoch = count / batch;
  Tensor result = torch::empty({per_epoch * epochs, batch}, torch::kInt64);
  std::vector<int64_t> order(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) order[size_t(i)] = i;
  RandomStream random(seed, /*stream=*/0x62617463);
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    random.shuffle(order);
    std::copy_n(order.begin(), per_epoch * batch, result.mutable_data_ptr<int64_t>() + epoch * per_epoch * batch);
  }
  return result;
}

double explained_variance(const Tensor& C, const Tensor& T, const Tensor& A) {
  check_pairs(C, T);
  const Tensor t = wide(T), residual = t - wide(C).matmul(wide(A));
  return 1.0 - residual.square().sum().item<double>() / (t - t.mean(0)).square().sum().item<double>();
}

double retrieval_accuracy(const Tensor& C, const Tensor& T, const Tensor& A, const Tensor& negatives) {
  check_pairs(C, T);
  const Tensor mapped = unit_rows(wide(C).matmul(wide(A))), target = unit_rows(wide(T));
  const Tensor positive = (mapped * target).sum(-1, /*keepdim=*/true);
  Tensor best = torch::full_like(positive, -2.0);  // column by column: [N, K, D2] at once would be large
  for (int64_t k = 0; k < negatives.size(1); ++k)
    best = torch::maximum(best, (mapped * target.index_select(0, negatives.select(1, k))).sum(-1, /*keepdim=*/true));
  return (positive > best).to(torch::kFloat64).mean().item<double>();
}

std::vector<std::pair<TokenId, TokenId>> common_tokens(const Tokenizer& calibrator, const Tokenizer& target) {
  const auto by_bytes = [](const Tokenizer& tokenizer) {
    std::unordered_map<std::string_view, TokenId> table;
    for (TokenId id = 0; size_t(id) < tokenizer.vocab_size(); ++id)
      if (!tokenizer.is_special(id) && !tokenizer.token_bytes(id).empty()) table.emplace(tokenizer.token_bytes(id), id);
    return table;
  };
  const auto targets = by_bytes(target);
  std::vector<std::pair<TokenId, TokenId>> common;
  for (const auto& [bytes, id] : by_bytes(calibrator))
    if (const auto match = targets.find(bytes); match != targets.end()) common.emplace_back(id, match->second);
  std::sort(common.begin(), common.end());
  return common;
}

}  // namespace limpid::fusion
