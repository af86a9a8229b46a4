#include "limpid/methods/self_debiasing/debiasing.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "limpid/core/error.h"
#include "limpid/decoding/log_sum_exp.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid {
void debias_logits(std::span<float> z, std::span<const float> biased, float lambda, double epsilon) {
  const size_t V = z.size(), K = biased.size() / V;
  const double log_sum = log_sum_exp(z);
  const float most = float(-std::log(epsilon));
  std::vector<float> likeliest(V, -std::numeric_limits<float>::infinity());  // max_k log p_k
  for (size_t k = 0; k < K; ++k) {
    const auto behind = biased.subspan(k * V, V);
    const double log_sum_behind = log_sum_exp(behind);
    for (size_t v = 0; v < V; ++v) likeliest[v] = std::max(likeliest[v], float(behind[v] - log_sum_behind));
  }
  for (size_t v = 0; v < V; ++v) {
    const float log_p = float(z[v] - log_sum);
    if (likeliest[v] > log_p) z[v] -= std::min(lambda * (std::exp(likeliest[v]) - std::exp(log_p)), most);
  }
}

DebiasingSession::DebiasingSession(const Model& target, std::vector<TokenIds> descriptions, double epsilon)
    : target_(target),
      streams_(target, std::move(descriptions)),
      epsilon_(epsilon) {
  LIMPID_CHECK(streams_.count() > 0, ConfigError, "[self_debiasing] there is no description");
  LIMPID_CHECK(epsilon > 0.0 && epsilon <= 1.0, ConfigError, "[self_debiasing] epsilon is ", epsilon,
               ", expected above 0 and at most 1");
}

void DebiasingSession::logits(const Step& step, Tensor& z) {
  const Tensor biased = target_.output_matrix(streams_.states(step)).contiguous();  // [R * K, V]
  z = z.contiguous();
  const size_t V = size_t(z.size(1)), K = streams_.count();
  float* own = z.mutable_data_ptr<float>();
  const float* behind = biased.const_data_ptr<float>();
  kernels::parallel_for(step.rows.size(), [&](size_t r) {
    debias_logits({own + r * V, V}, {behind + r * K * V, K * V}, step.strengths[r], epsilon_);
  });
}

}  // namespace limpid
