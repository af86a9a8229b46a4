#include "limpid/methods/profs/subspace.h"

#include "limpid/core/error.h"

namespace limpid::profs {
namespace {

/// Returns the right singular vectors of x [n, D] as rows, largest first.
Tensor right_singular_vectors(const Tensor& x) { return std::get<2>(torch::linalg_svd(x, /*full_matrices=*/false)); }

}  // namespace

Tensor toxic_subspace(const Tensor& preferred, const Tensor& nonpreferred, int64_t k, bool keep_topic) {
  LIMPID_CHECK(preferred.dim() == 2 && preferred.sizes() == nonpreferred.sizes() && preferred.size(0) > 0, ShapeError,
               "[profs] states of shape ", preferred.sizes(), " and ", nonpreferred.sizes(),
               ", expected [pairs, width] twice");
  // The topic takes one dimension of the row space away.
  const int64_t most = std::min(preferred.size(0), preferred.size(1) - (keep_topic ? 0 : 1));
  LIMPID_CHECK(k >= 1 && k <= most, ConfigError, "[profs] a subspace of ", k, " dimensions from ", preferred.size(0),
               " pairs of width ", preferred.size(1), ", expected 1 to ", most);
  const Tensor good = preferred.to(torch::kFloat64);
  Tensor D = (good - nonpreferred.to(torch::kFloat64)) / 2;
  if (!keep_topic) {
    const Tensor topic = right_singular_vectors(good)[0];
    D = D - torch::outer(D.mv(topic), topic);
  }
  return right_singular_vectors(D).narrow(0, 0, k).to(torch::kFloat32).contiguous();
}

WeightDeltas profs_deltas(const Tensor& vectors, int64_t first_layer, int64_t num_layers) {
  LIMPID_CHECK(vectors.dim() == 3 && first_layer >= 0 && first_layer + vectors.size(0) <= num_layers, ShapeError,
               "[profs] vectors ", vectors.sizes(), " from layer ", first_layer,
               " on, expected [layers, k, width] within ", num_layers, " layers");
  WeightDeltas deltas{Projection::MlpDown, DeltaInput::Product, std::vector<WeightDelta>(size_t(num_layers))};
  for (int64_t i = 0; i < vectors.size(0); ++i) deltas.layers[size_t(first_layer + i)] = {vectors[i], -vectors[i], {}};
  return deltas;
}

}  // namespace limpid::profs
