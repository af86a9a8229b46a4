#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/json.h"
#include "tests/support/fixtures.h"

/// Fixtures of golden/methods: NAME.json (scalars, tolerances) beside NAME.safetensors (tensors).
namespace limpid::golden {

class Fixture {
 public:
  explicit Fixture(const fs::path& json) : path_(json), description_(read_json(json)) {
    fs::path tensors = json;
    if (fs::exists(tensors.replace_extension(".safetensors"))) tensors_ = SafetensorsFile::open(tensors);
  }
  std::string name() const { return path_.stem().string(); }
  const Json& in() const { return description_["in"]; }
  const Json& out() const { return description_["out"]; }
  fs::path file(const char* role) const { return path_.parent_path() / description_["files"][role].get<std::string>(); }

  std::vector<double> floats(const std::string& tensor) const {
    const auto values = to_floats(tensors_->at(tensor));
    return {values.begin(), values.end()};
  }
  std::vector<int64_t> integers(const std::string& tensor) const { return to_integers(tensors_->at(tensor)); }
  std::vector<int64_t> shape(const std::string& tensor) const { return tensors_->at(tensor).shape; }
  bool is_integer(const std::string& tensor) const { return tensors_->at(tensor).dtype == DType::I64; }

  /// Names of the tensors that begin with "out.".
  std::set<std::string> expected_tensors() const {
    std::set<std::string> names;
    if (tensors_)
      for (const TensorView& tensor : tensors_->tensors())
        if (tensor.name.starts_with("out.")) names.insert(tensor.name);
    return names;
  }

  /// |found - expected| <= abs + rel |expected| with the tolerance of `name`; what is not finite must be the same.
  bool close(const std::string& name, double found, double expected) const {
    if (std::isnan(expected)) return std::isnan(found);
    if (std::isinf(expected)) return found == expected;
    const Json& tolerance = description_["tolerance"];
    double absolute = tolerance["abs"].get<double>(), relative = tolerance["rel"].get<double>();
    if (const auto own = tolerance["per_name"].find(name); own != tolerance["per_name"].end())
      absolute = (*own)[0].get<double>(), relative = (*own)[1].get<double>();
    return std::abs(found - expected) <= absolute + relative * std::abs(expected);
  }

  /// Compares `found` with everything under `expected`, at any depth; null stands for NaN and infinity.
  void compare(const std::string& name, const Json& found, const Json& expected) const {
    if (expected.is_object()) {
      for (const auto& [key, value] : expected.items()) {
        if (!found.is_object() || !found.contains(key))
          ADD_FAILURE() << name << "." << key << " is not computed";
        else
          compare(name + "." + key, found[key], value);
      }
    } else if (expected.is_array()) {
      ASSERT_TRUE(found.is_array() && found.size() == expected.size()) << name << " has another length";
      for (size_t i = 0; i < expected.size(); ++i) compare(name, found[i], expected[i]);
    } else if (expected.is_number() && found.is_number()) {
      const double a = found.get<double>(), b = expected.get<double>();
      EXPECT_TRUE(close(name, a, b)) << name << " is " << a << ", expected " << b;
    } else {
      EXPECT_EQ(found, expected) << name;
    }
  }

  /// Compares one tensor, element by element; reports the first difference.
  void compare_tensor(const std::string& name, const std::vector<double>& found) const {
    std::vector<double> expected;
    if (is_integer(name))
      for (int64_t value : integers(name)) expected.push_back(double(value));
    else
      expected = floats(name);
    ASSERT_EQ(found.size(), expected.size()) << name;
    for (size_t i = 0; i < found.size(); ++i)
      ASSERT_TRUE(close(name, found[i], expected[i]))
          << name << "[" << i << "] is " << found[i] << ", expected " << expected[i];
  }

  /// Fails for each expected tensor that `found` lacks, compares the others. @param given  used as inputs: not
  /// compared.
  void compare_tensors(const std::map<std::string, std::vector<double>>& found,
                       const std::set<std::string>& given = {}) const {
    for (const std::string& name : expected_tensors()) {
      if (given.contains(name)) continue;
      const auto values = found.find(name);
      if (values == found.end())
        ADD_FAILURE() << name << " is not computed";
      else
        compare_tensor(name, values->second);
    }
  }

 private:
  fs::path path_;
  Json description_;
  std::shared_ptr<const SafetensorsFile> tensors_;
};

/// Runs `check` on every fixture of golden/methods whose name begins with `prefix`; skips the test when there is none.
template <class Check>
void for_each_fixture(const std::string& prefix, Check check) {
  const fs::path path = testing_support::golden_dir() / "methods";
  LIMPID_REQUIRE_PATH(path);
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(path))
    if (entry.path().extension() == ".json" && entry.path().filename().string().starts_with(prefix))
      found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  if (found.empty()) GTEST_SKIP() << "skipped: no fixture " << prefix << "* in " << path.string();
  for (const fs::path& file : found) {
    SCOPED_TRACE(file.filename().string());
    std::cout << "fixture " << file.stem().string() << "\n";
    check(Fixture(file));
  }
}

}  // namespace limpid::golden
