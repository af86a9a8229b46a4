#pragma once

#include "limpid/methods/fusion/options.h"
#include "limpid/methods/method_info.h"

namespace limpid::fusion {

/// Output-layer fusion (arXiv:2506.01266) in the table of methods.
struct FusionMethod {
  static constexpr OptionInfo options[] = {OptionInfo::choice(
      "readout", kReadouts, "how the calibrator enters; the file says which it has what they need for")};
  static constexpr MethodInfo info{
      "fusion", options, {{}, {}, "a, the calibrator's share, 0 to 1; of readout=contrast g, any factor"}};
  static std::shared_ptr<Detoxifier> load(std::shared_ptr<const DetoxifierFile> file, const MethodOptions& options);
};

}  // namespace limpid::fusion
