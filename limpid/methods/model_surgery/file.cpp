#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/model_surgery/gate_rows.h"
#include "limpid/methods/model_surgery/method.h"
#include "limpid/methods/registry.h"
#include "limpid/methods/weight_delta.h"

namespace limpid::model_surgery {

WeightDeltas surgery_deltas(const DetoxifierFile& file, const MethodOptions& options) {
  const int64_t L = file.info().target.layers;
  const Tensor rows = integer_tensor(file, "rows", {-1, 2});
  const Tensor layers = rows.select(1, 0), indices = rows.select(1, 1);
  LIMPID_CHECK(rows.size(0) > 0 && (layers >= 0).all().item<bool>() && (layers < L).all().item<bool>() &&
                   (indices >= 0).all().item<bool>(),
               FormatError, options.place(),
               "\"rows\" names a layer or row that is not there, or nothing; the target has ", L, " layers");
  return surgery_deltas(float_tensor(file, "direction", {file.info().target.hidden_size}), rows, L);
}

std::shared_ptr<Detoxifier> ModelSurgeryMethod::load(std::shared_ptr<const DetoxifierFile> file,
                                                     const MethodOptions& options) {
  return file_detoxifier(file, info, "", [deltas = surgery_deltas(*file, options)](const Model& target) {
    return std::make_unique<WeightDeltaSession>(target, deltas);
  });
}

}  // namespace limpid::model_surgery
