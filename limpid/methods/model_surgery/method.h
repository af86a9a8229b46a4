#pragma once

#include "limpid/methods/method_info.h"

namespace limpid {
struct WeightDeltas;
}  // namespace limpid

namespace limpid::model_surgery {

/// Model Surgery (arXiv:2407.08770) in the table of methods.
struct ModelSurgeryMethod {
  /// Costs SmolLM2-135M a tenth of its perplexity; the paper's 1.08 is in lengths of its own head.
  static constexpr float kUsual = 0.5f;

  static constexpr MethodInfo info{
      "model-surgery",
      {},
      {kUsual,
       {},
       "a, in mean lengths of the changed rows; negative values push the other way, and measurement says which way is "
       "milder"}};
  static std::shared_ptr<Detoxifier> load(std::shared_ptr<const DetoxifierFile> file, const MethodOptions& options);
};

/// Returns what the file changes. @throws FormatError for malformed tensors.
WeightDeltas surgery_deltas(const DetoxifierFile& file, const MethodOptions& options);

}  // namespace limpid::model_surgery
