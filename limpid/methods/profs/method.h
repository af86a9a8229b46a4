#pragma once

#include "limpid/methods/method_info.h"

namespace limpid {
struct WeightDeltas;
}  // namespace limpid

namespace limpid::profs {

/// ProFS (arXiv:2405.13967) in the table of methods.
struct ProfsMethod {
  static constexpr OptionInfo options[] = {OptionInfo::layers("those of the file's layers that are changed")};
  static constexpr MethodInfo info{
      "profs",
      options,
      {1.0f, {}, "share of the toxic subspace that is taken out of the feed-forward outputs: 1 takes it out whole"}};
  static std::shared_ptr<Detoxifier> load(std::shared_ptr<const DetoxifierFile> file, const MethodOptions& options);
};

/// Returns what the file changes; option layers=A-B keeps to some of its layers.
/// @throws FormatError for malformed settings or tensors; ConfigError for layers that the file does not have.
WeightDeltas profs_deltas(const DetoxifierFile& file, const MethodOptions& options);

}  // namespace limpid::profs
