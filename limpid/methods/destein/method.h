#pragma once

#include "limpid/methods/method_info.h"
#include "limpid/methods/steering_options.h"

namespace limpid {
struct SteeringParts;
}  // namespace limpid

namespace limpid::destein {

/// DeStein (arXiv:2404.10464) in the table of methods.
struct DesteinMethod {
  enum class HeadWeights { Probe, Uniform };
  enum class Gate { None, Middle, Neutral };
  static constexpr const char* kHeadWeights[] = {"probe", "uniform"};
  static constexpr const char* kGates[] = {"none", "middle", "neutral"};

  static constexpr OptionInfo options[] = {
      OptionInfo::choice("rule", kSteeringRules, "how a head's state is turned from its toxic direction"),
      OptionInfo::choice("positions", kPositions, "which positions are steered"),
      OptionInfo::layers("layers that are steered, counted from 0"),
      OptionInfo::choice("weights", kHeadWeights, "heads by the accuracy of their probes, or all alike"),
      OptionInfo::choice("gate", kGates,
                         "only heads whose state lies beyond the middle of the classes, or beyond the neutral mean")};
  static constexpr MethodInfo info{
      "destein",
      options,
      {0.3f,
       {},
       "alpha of the push away from the toxic direction, before each head's probe weight"}};  // docs/results.md
  static std::shared_ptr<Detoxifier> load(std::shared_ptr<const DetoxifierFile> file, const MethodOptions& options);
};

/// Returns what a session works with, from the file and the options that override it.
/// @throws FormatError for malformed settings or tensors.
SteeringParts steering_parts(const DetoxifierFile& file, const MethodOptions& options);

}  // namespace limpid::destein
