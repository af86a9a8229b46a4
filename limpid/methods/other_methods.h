#pragma once

#include "limpid/methods/detox_spec.h"
#include "limpid/methods/method_info.h"
#include "limpid/methods/steering_options.h"

/// The methods of --detox besides those of detoxifier files: files of other programs, and controls, which need no file.
namespace limpid {

/// A low-rank adapter: a folder with an adapter_config.json (adapter.h).
struct AdapterMethod {
  static constexpr MethodInfo info{
      "adapter", {}, {1.0f, {}, "factor on its change; 1 is as trained, negative goes the other way"}};
  static bool recognises(const DetoxSpec& spec);
  /// @throws what PeftAdapter::open does.
  static std::shared_ptr<Detoxifier> load(const MethodOptions& options);
};

/// A control vector: FILE.gguf (control_vector.h). x' = x + s direction, which is DeStein's constant rule on whole
/// layer outputs with the opposite direction.
struct ControlVectorMethod {
  static constexpr OptionInfo options[] = {OptionInfo::choice("positions", kPositions, "which positions are steered")};
  static constexpr MethodInfo info{"control-vector", options, {1.0f, {}, "factor on the vectors"}};
  static bool recognises(const DetoxSpec& spec);
  /// @throws FormatError for a file that is none. Opening it on a model of another width or with fewer blocks throws
  ///         MismatchError.
  static std::shared_ptr<Detoxifier> load(const MethodOptions& options);
};

// Controls: what a side effect of some method does by itself, on every model. A report that shows the method should
// show its control too.

/// z'[v] = -inf where p[v] < S max p: the plausibility mask of contrastive decoding without the contrast
/// (docs/methods.md, Plausibility mask; Li et al. 2023, arXiv:2210.15097).
struct MaskControl {
  static constexpr MethodInfo info{"control:mask",
                                   {},
                                   {0.1f,
                                    {.least = 0.0, .most = 1.0, .without_least = true},
                                    "share of the best token's probability that others need"}};
  static bool recognises(const DetoxSpec& spec) { return spec.file == info.name; }
  static std::shared_ptr<Detoxifier> load(const MethodOptions& options);
};

/// z' = (1-A) z: fusion's factor without a calibrator (docs/methods.md, Controls).
struct TemperatureControl {
  static constexpr MethodInfo info{
      "control:temperature", {}, {0.1f, {.least = 0.0, .most = 1.0}, "1 - factor of the logits"}};
  static bool recognises(const DetoxSpec& spec) { return spec.file == info.name; }
  static std::shared_ptr<Detoxifier> load(const MethodOptions& options);
};

}  // namespace limpid
