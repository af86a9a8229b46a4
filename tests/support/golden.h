#pragma once

#include <torch/types.h>

#include <algorithm>
#include <string>
#include <vector>

#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/types.h"
#include "tests/support/fixtures.h"

/// Golden tensors as torch tensors.
namespace limpid::testing_support {

inline torch::Tensor tensor(const Checkpoint& file, const std::string& name) {
  const TensorView& view = file.at(name);
  if (view.dtype == DType::F32 || view.dtype == DType::BF16 || view.dtype == DType::F16)
    return torch::tensor(to_floats(view)).view(view.shape);
  return torch::tensor(to_integers(view), torch::kInt64).view(view.shape);
}

inline TokenIds ids(const torch::Tensor& row) {
  const torch::Tensor flat = row.to(torch::kInt64).contiguous();
  return TokenIds(flat.data_ptr<int64_t>(), flat.data_ptr<int64_t>() + flat.numel());
}

inline double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  if (a.sizes() != b.sizes() || a.numel() == 0) return 1e30;
  return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

inline std::vector<fs::path> sorted_folders(const fs::path& parent) {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(parent))
    if (entry.is_directory()) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  return folders;
}

}  // namespace limpid::testing_support
