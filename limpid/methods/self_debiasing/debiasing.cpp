#include "limpid/methods/self_debiasing/debiasing.h"

#include <algorithm>
#include <cmath>

#include "limpid/core/error.h"
#include "limpid/decoding/logits.h"

namespace limpid::self_debiasing {
void debias_logits(std::span<float> z, std::span<const float> biased, float lambda, double epsilon) {
  const size_t V = z.size(), K = biased.size() / V;
  const double log_sum = log_sum_exp(z);
  const float most = float(-std::log(epsilon));
  std::vector<float> likeliest(V, kRemoved);  // max_k log p_k
  for (size_t k = 0; k < K; ++k) {
    const auto described = biased.subspan(k * V, V);
    const double described_log_sum = log_sum_exp(described);
    for (size_t v = 0; v < V; ++v) likeliest[v] = std::max(likeliest[v], float(described[v] - described_log_sum));
  }
  for (size_t v = 0; v < V; ++v) {
    const float log_p = float(z[v] - log_sum);
    if (likeliest[v] > log_p) z[v] -= std::min(lambda * (std::exp(likeliest[v]) - std::exp(log_p)), most);
  }
}

DebiasingSession::DebiasingSession(const Model& target, std::vector<TokenIds> descriptions, double epsilon)
    : descriptions_{.model = target.shared_from_this(), .prefixes = std::move(descriptions)},
      epsilon_(epsilon) {
  LIMPID_CHECK(!descriptions_.prefixes.empty(), ConfigError, "[self_debiasing] there is no description");
  LIMPID_CHECK(epsilon > 0.0 && epsilon <= 1.0, ConfigError, "[self_debiasing] epsilon is ", epsilon,
               ", expected above 0 and at most 1");
}

void DebiasingSession::logits(const Step& step, Tensor& z) {
  const Tensor biased = step.read(0).logits();  // [R * K, V]
  const float* data = biased.const_data_ptr<float>();
  const size_t K = descriptions_.prefixes.size();
  parallel_rows(step, z, [&](size_t r, std::span<float> row) {
    debias_logits(row, {data + r * K * row.size(), K * row.size()}, step.strengths[r], epsilon_);
  });
}

}  // namespace limpid::self_debiasing
