#include "limpid/methods/destein/fit.h"
#include "limpid/methods/dexperts/fit.h"
#include "limpid/methods/fusion/fit.h"
#include "limpid/methods/gedi/fit.h"
#include "limpid/methods/model_surgery/fit.h"
#include "limpid/methods/profs/fit.h"
#include "limpid/methods/recipe/file.h"
#include "limpid/methods/sasa/fit.h"
#include "limpid/methods/self_debiasing/fit.h"
#include "limpid/methods/toxification_reversal/fit.h"
#include "tests/methods/method_checks.h"
#include "tests/support/damage.h"

/// The walk of the registry: what a detoxifier promises holds for every method on every family.
namespace limpid {
namespace {

using namespace destein;
using namespace dexperts;
using namespace fusion;
using namespace gedi;
using namespace model_surgery;
using namespace profs;
using namespace sasa;
using namespace self_debiasing;
using namespace toxification_reversal;

using namespace testing_support;

constexpr float kStrength = 0.4f;  // acts in every method; two and a half times of it is in the range of each

struct ToyTarget {
  const Model& model;
  fs::path output;        ///< the file to write
  fs::path other, third;  ///< models with the target's vocabulary
};

std::vector<std::string> toy_texts(const std::string& words) {
  std::vector<std::string> texts;
  for (int i = 0; i < 20; ++i) texts.push_back(words + " " + std::to_string(i * 37));
  return texts;
}

/// What `limpid fit METHOD` would be given.
const std::map<std::string, void (*)(const ToyTarget&)>& toy_fits() {
  const auto pairs = [] {
    std::vector<SteeringPair> all;
    for (size_t i = 0; i < 20; ++i) all.push_back({toy_texts("storm and rain")[i], toy_texts("calm and sun")[i]});
    return all;
  };
  static const auto kPairs = pairs();
  static const std::map<std::string, void (*)(const ToyTarget&)> fits = {
      {"destein", [](const ToyTarget& t) { fit_destein(t.model, {.output = t.output, .pairs = kPairs}); }},
      {"dexperts",
       [](const ToyTarget& t) { fit_dexperts(t.model, {.output = t.output, .anti = t.other, .expert = t.third}); }},
      {"fusion", [](const ToyTarget& t) { fit_fusion(t.model, {.calibrator = t.other, .output = t.output}); }},
      {"gedi",
       [](const ToyTarget& t) {
         fit_gedi(t.model, {.output = t.output, .guide = t.other, .codes = {"clean", "#5#6"}});
       }},
      {"model-surgery",
       [](const ToyTarget& t) {
         SurgeryFit fit{.output = t.output, .texts = toy_texts("storm and rain"), .labels = std::vector<int>(20, 1)};
         for (const std::string& text : toy_texts("calm and sun")) fit.texts.push_back(text);
         fit.labels.resize(40, 0);
         fit_model_surgery(t.model, fit);
       }},
      {"profs", [](const ToyTarget& t) { fit_profs(t.model, {.output = t.output, .pairs = kPairs}); }},
      {"recipe",
       [](const ToyTarget& t) {
         const fs::path part = t.output.parent_path() / "part.detox.safetensors";
         fit_destein(t.model, {.output = part, .pairs = kPairs});
         recipe::write_recipe(t.output, t.model, {{DetoxifierFile::open(part), 0.7}}, nullptr, Json::object());
       }},
      {"sasa",
       [](const ToyTarget& t) {
         fit_sasa(t.model, {.output = t.output, .nontoxic = toy_texts("calm"), .toxic = toy_texts("storm")});
       }},
      {"self-debiasing", [](const ToyTarget& t) { fit_self_debiasing(t.model, {.output = t.output}); }},
      {"toxification-reversal", [](const ToyTarget& t) { fit_toxification_reversal(t.model, {.output = t.output}); }},
  };
  return fits;
}

/// Family, method.
class EveryMethod : public testing::TestWithParam<std::tuple<std::string, std::string>> {
 protected:
  void SetUp() override {
    const auto& [family, method] = GetParam();
    ASSERT_TRUE(toy_fits().contains(method)) << method << " is in the registry without a toy file here";
    const auto write = toy_families().at(family);
    model_ = open_exact(write(folder_.path() / "target", 1));
    toy_fits().at(method)({*model_, file_, write(folder_.path() / "other", 2), write(folder_.path() / "third", 3)});
    detoxifier_ = open_detox(file_);
  }
  TempDir folder_;
  const fs::path file_ = folder_.path() / "toy.detox.safetensors";
  std::shared_ptr<const Model> model_;
  std::shared_ptr<Detoxifier> detoxifier_;
};

TEST_P(EveryMethod, ActsAtItsStrengthAndLeavesEveryBitAloneAtStrengthZero) {
  const Written plain = decode_plain(model_, kToyPrompt, 6)[0];
  const auto runs = decode_with(model_, *detoxifier_, kToyPrompt, 6, {0.0f, kStrength});
  EXPECT_EQ(runs[0].ids, plain.ids);
  EXPECT_TRUE(torch::equal(runs[0].logits, plain.logits));
  EXPECT_FALSE(torch::equal(runs[1].logits[0], plain.logits[0]));
  EXPECT_TRUE(runs[1].logits.isnan().logical_not().all().item<bool>());
}

/// A gate whose risk depends on the text; a bias of -+50 keeps it closed or open.
std::shared_ptr<const Gate> toy_gate(const Model& model, double bias, int64_t hold) {
  GateParts parts;
  parts.weights = torch::linspace(-1.0, 1.0, model.config().hidden_size);
  parts.bias = bias;
  parts.rule.hold = hold;
  return std::make_shared<const Gate>(std::move(parts));
}

TEST_P(EveryMethod, BehindAClosedGateEveryBitIsPlain) {
  const Written plain = decode_plain(model_, kToyPrompt, 6)[0];
  detoxifier_->wear(toy_gate(*model_, -50.0, 1));
  const Written run = decode_with(model_, *detoxifier_, kToyPrompt, 6, {kStrength})[0];
  EXPECT_EQ(run.ids, plain.ids);
  EXPECT_TRUE(torch::equal(run.logits, plain.logits));
}

TEST_P(EveryMethod, ActsBehindAnOpenGate) {
  const Written plain = decode_plain(model_, kToyPrompt, 6)[0];
  detoxifier_->wear(toy_gate(*model_, 50.0, 4));
  const Written run = decode_with(model_, *detoxifier_, kToyPrompt, 6, {kStrength})[0];
  EXPECT_FALSE(torch::equal(run.logits[0], plain.logits[0]));
  EXPECT_TRUE(run.logits.isnan().logical_not().all().item<bool>());
}

TEST_P(EveryMethod, ARowsGateDoesNotSeeOtherRows) {
  detoxifier_->wear(toy_gate(*model_, 0.0, 2));
  expect_rows_do_not_see_one_another(model_, *detoxifier_, kStrength);
}

TEST_P(EveryMethod, RowsDoNotSeeOneAnother) { expect_rows_do_not_see_one_another(model_, *detoxifier_, kStrength); }

TEST_P(EveryMethod, ATensorThatHoldsNanIsRefusedByItsName) {
  const auto original = SafetensorsFile::open(file_);
  const std::string sound = read_file(file_);
  for (const TensorView& view : original->tensors()) {
    if (view.dtype == DType::I64) continue;
    SCOPED_TRACE(view.name);
    overwrite_number(file_, view.name, NAN);
    const std::string message = message_of([&] { open_detox(file_); });
    EXPECT_NE(message.find("is nan"), std::string::npos) << message;
    EXPECT_NE(message.find(view.name), std::string::npos) << message;
    write_file(file_, sound);
  }
}

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const auto& [name, write] : toy_families()) names.push_back(name);
  return names;
}

std::vector<std::string> method_names() {
  std::vector<std::string> names;
  for (const FileMethod& method : file_methods()) names.push_back(method.info.name);
  return names;
}

std::string case_name(const testing::TestParamInfo<EveryMethod::ParamType>& info) {
  std::string name = std::get<0>(info.param) + "_" + std::get<1>(info.param);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Families, EveryMethod,
                         testing::Combine(testing::ValuesIn(family_names()), testing::ValuesIn(method_names())),
                         case_name);

}  // namespace
}  // namespace limpid
