#pragma once

#include <torch/types.h>

#include <string>

#include "limpid/core/files.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/file_tensors.h"
#include "limpid/methods/target_signature.h"

/// A detoxifier that changes what a toy model says.
namespace limpid::testing_support {

/// A steering file for a model of 2 layers of width 32 with 2 heads.
inline std::string write_steering(const fs::path& path, const TargetSignature& target = {"llama", 32, 2, 257, ""}) {
  DetoxifierInfo info;
  info.method = "destein";
  info.target = target;
  info.settings = {{"tap", "projection"}, {"rule", "preserve"}, {"positions", "last"}, {"heads", 2}};
  info.default_strength = 0.4;
  OutgoingTensors out;
  out.add("directions", torch::linspace(-1, 1, 64).view({2, 32}));
  out.add("accuracy", torch::full({2, 2}, 0.9));
  out.add("lengths", torch::ones({2, 2}));
  out.add("projections", torch::zeros({2, 2, 2}));
  write_detoxifier(path, info, out.views());
  return path.string();
}

}  // namespace limpid::testing_support
