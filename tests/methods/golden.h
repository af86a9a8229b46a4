#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <cstring>
#include <string>

#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/json.h"
#include "tests/support/fixtures.h"

/// golden/methods/NAME: given tensors `in.*`, expected tensors `out.*`, and the tolerance they are compared with.
namespace limpid::testing_support {

class MethodFixture {
 public:
  explicit MethodFixture(const std::string& name)
      : json_(read_json(folder() / (name + ".json"))),
        file_(SafetensorsFile::open(folder() / (name + ".safetensors"))) {}

  static fs::path folder() { return golden_dir() / "methods"; }
  static bool present(const std::string& name) { return fs::exists(folder() / (name + ".json")); }

  const Json& json() const { return json_; }
  double in(const char* key) const { return json_.at("in").at(key).get<double>(); }
  double out(const char* key) const { return json_.at("out").at(key).get<double>(); }
  fs::path model(const char* role) const { return folder() / json_.at("models").at(role).get<std::string>(); }
  bool has(const std::string& name) const { return file_->find(name) != nullptr; }

  torch::Tensor tensor(const std::string& name) const {
    const TensorView& view = file_->at(name);
    const bool integers = view.dtype == DType::I64 || view.dtype == DType::I32;
    torch::Tensor result = torch::empty(view.shape, integers ? torch::kInt64 : torch::kFloat32);
    if (integers) {
      const auto values = to_integers(view);
      std::copy(values.begin(), values.end(), result.mutable_data_ptr<int64_t>());
    } else {
      const auto values = to_floats(view);
      std::copy(values.begin(), values.end(), result.mutable_data_ptr<float>());
    }
    return result;
  }

  /// |got - expected| <= abs + rel |expected|, with the fixture's tolerance.
  bool close(const torch::Tensor& got, const torch::Tensor& expected, const std::string& name) const {
    const Json& tolerance = json_.at("tolerance");
    double absolute = tolerance.at("abs"), relative = tolerance.at("rel");
    if (const auto own = tolerance.find("per_name"); own != tolerance.end() && own->contains(name)) {
      const Json& entry = own->at(name);
      if (entry.is_array())
        absolute = entry.at(0), relative = entry.at(1);
      else
        absolute = entry.value("abs", absolute), relative = entry.value("rel", relative);
    }
    return got.sizes() == expected.sizes() &&
           torch::allclose(got.to(torch::kFloat64), expected.to(torch::kFloat64), relative, absolute);
  }
  bool matches(const torch::Tensor& got, const std::string& name) const { return close(got, tensor(name), name); }
  bool matches(double got, const char* key) const {
    return close(torch::tensor(got, torch::kFloat64), torch::tensor(out(key), torch::kFloat64), key);
  }

 private:
  Json json_;
  std::shared_ptr<const SafetensorsFile> file_;
};

}  // namespace limpid::testing_support

#define LIMPID_REQUIRE_FIXTURE(name)                          \
  if (!limpid::testing_support::MethodFixture::present(name)) \
  GTEST_SKIP() << "skipped: golden fixture methods/" << name << " is not on this machine"
