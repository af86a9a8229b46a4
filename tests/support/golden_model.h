#pragma once

#include "limpid/models/model.h"
#include "tests/support/golden.h"

/// Models of the golden folder, whatever family they are of.
namespace limpid::testing_support {

/// @throws Skipped for a folder that is not there or holds only a pickle, and for what Limpid does not support.
inline std::shared_ptr<Model> open_golden(const fs::path& folder, const LoadOptions& options) {
  if (!fs::exists(folder / "config.json")) throw Skipped(folder.string() + " is not there");
  if (!fs::exists(folder / "model.safetensors") && !fs::exists(folder / "model.safetensors.index.json"))
    throw Skipped(folder.string() + " holds only a pickle");
  try {
    return open_model(folder, options);
  } catch (const ConfigError& error) {
    if (std::string(error.what()).find("is not supported") == std::string::npos) throw;
    throw Skipped(error.what());
  }
}

inline std::shared_ptr<Model> open_golden(const fs::path& folder) {
  InferenceOptions options;
  options.precision = Precision::Exact;
  return open_golden(folder, options);
}

/// Whether two names mean one tensor: published checkpoints of a family differ in what stands in front
/// ("transformer.h.0.ln_1.bias" and "h.0.ln_1.bias").
inline bool same_tensor_name(const std::string& a, const std::string& b) {
  return a == b || a.ends_with("." + b) || b.ends_with("." + a);
}

/// A value in the shape of `parameter` as the model's checkpoint stores that parameter, which it calls `name`: GPT-2
/// keeps [in, out]. What the file holds decides, not the family.
inline torch::Tensor as_stored(const fs::path& folder, const std::string& name, const torch::Tensor& parameter,
                               const torch::Tensor& value) {
  const auto checkpoint = Checkpoint::open(folder);
  for (const TensorView& view : checkpoint->tensors()) {
    if (!same_tensor_name(view.name, name)) continue;
    const torch::Tensor stored = tensor(view), ours = parameter.detach();
    if (torch::equal(stored, ours)) return value;
    if (ours.dim() == 2 && torch::equal(stored, ours.t())) return value.t();
    throw std::runtime_error(view.name + " is neither the model's parameter nor its transpose");
  }
  throw std::runtime_error(folder.string() + " has no tensor " + name);
}

}  // namespace limpid::testing_support
