#include "limpid/methods/destein/directions.h"

#include <algorithm>

#include "limpid/core/error.h"
#include "limpid/core/random.h"

namespace limpid::destein {
namespace {

Tensor differences(const Tensor& toxic, const Tensor& neutral) {
  LIMPID_CHECK(toxic.dim() == 3 && toxic.sizes() == neutral.sizes() && toxic.size(1) > 0, ShapeError,
               "[destein] toxic and neutral activations are not both [layers, pairs, width] with at least one pair");
  return toxic.to(torch::kFloat64) - neutral.to(torch::kFloat64);
}

}  // namespace

Tensor mean_directions(const Tensor& toxic, const Tensor& neutral) {
  return differences(toxic, neutral).mean(1).to(torch::kFloat32);
}

Tensor pca_directions(const Tensor& toxic, const Tensor& neutral, bool centred) {
  Tensor D = differences(toxic, neutral);
  const Tensor mean = D.mean(1);
  if (centred) D = D - mean.unsqueeze(1);
  const Tensor first = std::get<2>(torch::linalg_svd(D, /*full_matrices=*/false)).select(1, 0);  // [L, D]
  const Tensor sign = torch::where((first * mean).sum(1, true) < 0, -1.0, 1.0);
  return (first * sign).to(torch::kFloat32);
}

Tensor orthogonal_directions(const Tensor& toxic, const Tensor& neutral, int64_t heads) {
  const Tensor difference = differences(toxic, neutral).mean(1);
  const auto slices = [&](const Tensor& x) { return x.view({x.size(0), heads, x.size(1) / heads}); };
  const Tensor z = slices(difference), common = slices(neutral.to(torch::kFloat64).mean(1));
  const Tensor along = (z * common).sum(-1, true) / common.square().sum(-1, true).clamp_min(1e-300);
  return (z - along * common).reshape(difference.sizes()).to(torch::kFloat32);
}

Tensor random_directions(int64_t layers, int64_t width, uint64_t seed) {
  RandomStream random(seed, /*stream=*/0x64697273);
  Tensor z = torch::empty({layers, width}, torch::kFloat32);
  for (int64_t i = 0; i < z.numel(); ++i) z.mutable_data_ptr<float>()[i] = float(random.next_normal());
  return z;
}

Tensor last_positions_mean(const Tensor& activations, const Tensor& lengths, int64_t window) {
  LIMPID_CHECK(activations.dim() == 4 && lengths.numel() == activations.size(1) && window > 0, ShapeError,
               "[destein] activations are not [layers, texts, positions, width] with a length for each text");
  Tensor means = torch::empty({activations.size(0), activations.size(1), activations.size(3)}, torch::kFloat32);
  for (int64_t n = 0; n < activations.size(1); ++n) {
    const int64_t length = lengths[n].item<int64_t>(), first = std::max<int64_t>(0, length - window);
    means.select(1, n).copy_(activations.select(1, n).narrow(1, first, length - first).to(torch::kFloat64).mean(1));
  }
  return means;
}

}  // namespace limpid::destein
