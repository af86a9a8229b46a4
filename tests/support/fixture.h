#pragma once

#include <cmath>
#include <map>
#include <memory>
#include <set>

#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/json.h"
#include "tests/support/walk.h"

/// Fixtures of golden/methods: NAME.json (scalars, models by role, tolerances) beside NAME.safetensors, whose `in.*`
/// are given and whose `out.*` are expected.
namespace limpid::testing_support {

class Fixture {
 public:
  explicit Fixture(const fs::path& json) : path_(json), description_(read_json(json)) {
    fs::path tensors = json;
    if (fs::exists(tensors.replace_extension(".safetensors"))) tensors_ = SafetensorsFile::open(tensors);
  }
  std::string name() const { return path_.stem().string(); }
  const Json& json() const { return description_; }
  const Json& in() const { return description_.at("in"); }
  const Json& out() const { return description_.at("out"); }
  double in(const std::string& key) const { return in().at(key).get<double>(); }
  double out(const std::string& key) const { return out().at(key).get<double>(); }

  /// A file beside the fixture, by its role. @throws Skipped when it is not there.
  fs::path file(const std::string& role) const { return needed("files", role); }
  fs::path model(const std::string& role) const { return needed("models", role); }

  /// Runs `check` with each role of `models` that has a tensor in.ROLE_`part`. @throws Skipped when none can be
  /// checked.
  template <class Check>
  void for_each_role(const std::string& part, Check check) const {
    Walk roles;
    for (const auto& [role, folder] : description_.at("models").items())
      if (has("in." + role + "_" + part)) roles.visit(name() + ", " + role, [&, role = role] { check(role); });
    if (roles.checked() == 0) throw Skipped("none of its models can be checked");
  }

  bool has(const std::string& tensor) const { return tensors_ && tensors_->find(tensor); }
  const TensorView& view(const std::string& tensor) const {
    if (!tensors_) throw Skipped(name() + ".safetensors is not there");
    return tensors_->at(tensor);
  }
  bool is_integer(const std::string& tensor) const { return view(tensor).dtype == DType::I64; }
  std::vector<int64_t> shape(const std::string& tensor) const { return view(tensor).shape; }
  std::vector<int64_t> integers(const std::string& tensor) const { return to_integers(view(tensor)); }
  std::vector<double> floats(const std::string& tensor) const {
    const auto values = to_floats(view(tensor));
    return {values.begin(), values.end()};
  }
  /// Names of the tensors that begin with `prefix`.
  std::set<std::string> tensors(const std::string& prefix) const {
    std::set<std::string> names;
    if (tensors_)
      for (const TensorView& tensor : tensors_->tensors())
        if (tensor.name.starts_with(prefix)) names.insert(tensor.name);
    return names;
  }

  /// A value x passes for e when |x - e| <= absolute + relative |e|.
  struct Tolerance {
    double absolute, relative;
  };
  Tolerance tolerance(const std::string& name) const {
    const Json& all = description_.at("tolerance");
    Tolerance found{all.at("abs"), all.at("rel")};
    const Json own = all.value("per_name", Json::object()).value(name, Json());
    if (own.is_array()) found = {own.at(0), own.at(1)};
    if (own.is_object()) found = {own.value("abs", found.absolute), own.value("rel", found.relative)};
    return found;
  }
  /// What is not finite must be the same.
  bool close(double found, double expected, const std::string& name) const {
    if (std::isnan(expected)) return std::isnan(found);
    if (std::isinf(expected)) return found == expected;
    const auto [absolute, relative] = tolerance(name);
    return std::abs(found - expected) <= absolute + relative * std::abs(expected);
  }
  bool matches(double found, const std::string& key) const { return close(found, out(key), "out." + key); }

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
      EXPECT_TRUE(close(a, b, name)) << name << " is " << a << ", expected " << b;
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
      ASSERT_TRUE(close(found[i], expected[i], name))
          << name << "[" << i << "] is " << found[i] << ", expected " << expected[i];
  }

  /// Fails for each expected tensor that `found` lacks, compares the others. @param given  used as inputs: not compared
  void compare_tensors(const std::map<std::string, std::vector<double>>& found,
                       const std::set<std::string>& given = {}) const {
    for (const std::string& name : tensors("out.")) {
      if (given.contains(name)) continue;
      const auto values = found.find(name);
      if (values == found.end())
        ADD_FAILURE() << name << " is not computed";
      else
        compare_tensor(name, values->second);
    }
  }

 private:
  fs::path needed(const char* list, const std::string& role) const {
    const fs::path path = path_.parent_path() / description_.at(list).at(role).get<std::string>();
    if (!fs::exists(path)) throw Skipped(path.string() + " is not there");
    return path;
  }

  fs::path path_;
  Json description_;
  std::shared_ptr<const SafetensorsFile> tensors_;
};

/// Runs `check` on the fixtures NAME and NAME_anything of golden/methods; skips the test when there is none.
template <class Kind = Fixture, class Check>
void for_each_fixture(const std::string& name, Check check) {
  Walk walk;
  for (const fs::path& path : sorted_entries(golden_dir() / "methods"))
    if (const std::string stem = path.stem().string();
        path.extension() == ".json" && (stem == name || stem.starts_with(name + "_")))
      walk.visit(stem, [&] { check(Kind(path)); });
  walk.finish("golden fixture " + name);
}

}  // namespace limpid::testing_support
