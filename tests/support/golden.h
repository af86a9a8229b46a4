#pragma once

#include <torch/types.h>

#include "limpid/core/types.h"
#include "tests/support/fixture.h"

/// Golden tensors as torch tensors.
namespace limpid::testing_support {

inline torch::Tensor tensor(const TensorView& view) {
  if (view.dtype == DType::F32 || view.dtype == DType::BF16 || view.dtype == DType::F16)
    return torch::tensor(to_floats(view)).view(view.shape);
  return torch::tensor(to_integers(view), torch::kInt64).view(view.shape);
}

inline torch::Tensor tensor(const Checkpoint& file, const std::string& name) { return tensor(file.at(name)); }

inline TokenIds token_ids(const torch::Tensor& row) {
  const torch::Tensor flat = row.to(torch::kInt64).contiguous();
  return TokenIds(flat.const_data_ptr<int64_t>(), flat.const_data_ptr<int64_t>() + flat.numel());
}

/// The first `length` ids of a padded row.
inline TokenIds token_ids(const torch::Tensor& row, const torch::Tensor& length) {
  return token_ids(row.narrow(0, 0, length.item<int64_t>()));
}

inline TokenIds ids(const torch::Tensor& row) { return token_ids(row); }

inline std::vector<float> floats(const torch::Tensor& x) {
  const torch::Tensor flat = x.contiguous();
  return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel()};
}

inline double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  EXPECT_EQ(a.sizes(), b.sizes());
  if (a.sizes() != b.sizes() || a.numel() == 0) return 1e30;
  return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

/// A fixture whose tensors are compared as a whole, with the fixture's own tolerance of each.
class TensorFixture : public Fixture {
 public:
  using Fixture::close;
  using Fixture::Fixture;
  using Fixture::matches;

  torch::Tensor tensor(const std::string& name) const { return testing_support::tensor(view(name)); }

  bool close(const torch::Tensor& found, const torch::Tensor& expected, const std::string& name) const {
    const auto [absolute, relative] = tolerance(name);
    return found.sizes() == expected.sizes() &&
           torch::allclose(found.to(torch::kFloat64), expected.to(torch::kFloat64), relative, absolute);
  }
  bool matches(const torch::Tensor& found, const std::string& name) const { return close(found, tensor(name), name); }
};

template <class Check>
void for_each_tensor_fixture(const std::string& name, Check check) {
  for_each_fixture<TensorFixture>(name, check);
}

}  // namespace limpid::testing_support
