#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/profs/method.h"
#include "limpid/methods/profs/subspace.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/weight_delta.h"

namespace limpid::profs {
namespace {

constexpr int64_t kMostDimensions = 1024;

}  // namespace

WeightDeltas profs_deltas(const DetoxifierFile& file, const MethodOptions& options) {
  const std::string& place = options.place();
  const int64_t L = file.info().target.layers,
                first = require<int64_t>(file.info().settings, "first_layer", place + "settings");
  const Tensor vectors = float_tensor(file, "vectors", {-1, -1, file.info().target.hidden_size});
  const int64_t layers = vectors.size(0), k = vectors.size(1);
  LIMPID_CHECK(layers >= 1 && k >= 1 && k <= kMostDimensions, FormatError, place, "vectors are ", vectors.sizes(),
               ", expected [layers, k, width]");
  LIMPID_CHECK(first >= 0 && first <= L - layers, FormatError, place, "subspaces of ", layers, " layers from ", first,
               " on, the target has ", L);
  const Tensor gram = vectors.to(torch::kFloat64).matmul(vectors.to(torch::kFloat64).transpose(1, 2));
  LIMPID_CHECK((gram - torch::eye(k, torch::kFloat64)).abs().max().item<double>() < 1e-3, FormatError, place,
               "the vectors of a layer are not orthonormal");

  auto [from, to] = options.layers("layers").value_or(std::pair(first, int64_t(-1)));
  if (to < 0) to = first + layers - 1;
  LIMPID_CHECK(from >= first && from <= to && to < first + layers, ConfigError, place, "layers ", from, " to ", to,
               ", the file has ", first, " to ", first + layers - 1);
  return profs_deltas(vectors.narrow(0, from - first, to - from + 1), from, L);
}

std::shared_ptr<Detoxifier> ProfsMethod::load(std::shared_ptr<const DetoxifierFile> file,
                                              const MethodOptions& options) {
  return file_detoxifier(file, info, "", [deltas = profs_deltas(*file, options)](const Model& target) {
    return std::make_unique<WeightDeltaSession>(target, deltas);
  });
}

}  // namespace limpid::profs
