#pragma once

#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/self_debiasing/debiasing.h"

/// `limpid fit self-debiasing`: descriptions and the floor, for a target. Nothing is computed.
namespace limpid {

/// The six of the paper, each a line of its own.
const std::vector<std::string>& debiasing_descriptions();

/// The file (method "self-debiasing") has no tensors; settings: prefixes, epsilon.
struct DebiasingFit {
  fs::path output;
  std::vector<std::string> prefixes =
      debiasing_descriptions();  ///< a line break is added where one does not end with it
  double epsilon = 0.01;
  std::optional<float> strength;
  Json provenance = Json::object();
};

/// Writes fit.output and returns its settings. @throws ConfigError for no prefixes, empty ones, or epsilon outside (0,
/// 1].
Json fit_self_debiasing(const Model& target, const DebiasingFit& fit);

}  // namespace limpid
