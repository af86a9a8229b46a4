#include "limpid/methods/sasa/subspace.h"

#include <cmath>

#include "limpid/core/error.h"

namespace limpid::sasa {

Subspace fit_subspace(const Tensor& nontoxic, const Tensor& toxic, const SubspaceOptions& options) {
  LIMPID_CHECK(nontoxic.dim() == 2 && toxic.dim() == 2 && nontoxic.size(1) == toxic.size(1), ShapeError,
               "[sasa] states are not [n1, D] and [n2, D] of one width D");
  const int64_t n1 = nontoxic.size(0), n2 = toxic.size(0), D = nontoxic.size(1);
  LIMPID_CHECK(n1 > 0 && n2 > 0 && n1 + n2 > 2, ConfigError, "[sasa] ", n1, " non-toxic and ", n2,
               " toxic texts, expected some of both,"
               " three in all");
  const Tensor a = nontoxic.to(torch::kFloat64), b = toxic.to(torch::kFloat64), mu1 = a.mean(0), mu2 = b.mean(0);
  const auto scatter = [](const Tensor& centred) { return centred.t().mm(centred); };
  Tensor sigma = (scatter(a - mu1) + scatter(b - mu2)) / double(n1 + n2 - 2);
  sigma.diagonal().add_(options.shrinkage * sigma.trace() / double(D));

  const auto [values, vectors] = torch::linalg_eigh(sigma);  // ascending
  const Tensor kept = values > (options.absolute_cut ? options.cut : options.cut * values[-1].item<double>());
  const Tensor inverse = torch::where(kept, 1.0 / values, torch::zeros_like(values));
  const Tensor raw = vectors.mv(inverse * vectors.t().mv((mu1 - mu2) / 2.0));
  const double length = raw.norm().item<double>();
  LIMPID_CHECK(length > 0.0 && std::isfinite(length), ConfigError,
               "[sasa] the states of the two classes do not differ; are the texts the same?");
  return {(raw / length).to(torch::kFloat32), ((mu1 + mu2) / 2.0).to(torch::kFloat32), kept.sum().item<int64_t>(),
          2.0 * length};
}

float margin(const Subspace& subspace, std::span<const float> state) {
  const float* w = subspace.w.const_data_ptr<float>();
  const float* midpoint = subspace.midpoint.const_data_ptr<float>();
  double sum = 0.0;
  for (size_t i = 0; i < state.size(); ++i) sum += double(w[i]) * (double(state[i]) - midpoint[i]);
  return float(sum);
}

Tensor margins(const Subspace& subspace, const Tensor& states) {
  LIMPID_CHECK(states.dim() == 2 && states.size(1) == subspace.w.numel(), ShapeError, "[sasa] states have shape ",
               states.sizes(), ", expected [N, ", subspace.w.numel(), "]");
  const Tensor rows = states.contiguous();
  Tensor result = torch::empty({rows.size(0)}, torch::kFloat32);
  const size_t D = size_t(rows.size(1));
  for (int64_t n = 0; n < rows.size(0); ++n)
    result.mutable_data_ptr<float>()[n] = margin(subspace, {rows.const_data_ptr<float>() + size_t(n) * D, D});
  return result;
}

}  // namespace limpid::sasa
