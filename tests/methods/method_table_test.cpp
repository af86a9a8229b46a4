#include "limpid/methods/method_table.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <set>

#include "limpid/methods/registry.h"
#include "tests/methods/decode.h"
#include "tests/methods/method_checks.h"
#include "tests/methods/toy_models.h"

namespace limpid {
namespace {

using testing_support::decode_plain;
using testing_support::decode_with;
using testing_support::message_of;
using testing_support::TempDir;

std::vector<MethodInfo> all_methods() {
  std::vector<MethodInfo> all;
  for (const std::span<const MethodInfo> list :
       {std::span<const MethodInfo>(FileMethods::infos), std::span<const MethodInfo>(ForeignMethods::infos),
        std::span<const MethodInfo>(Controls::infos)})
    all.insert(all.end(), list.begin(), list.end());
  return all;
}

TEST(MethodTable, NamesAreDistinctAndEveryUsualStrengthIsInItsRange) {
  std::set<std::string> names;
  for (const MethodInfo& method : all_methods()) {
    EXPECT_TRUE(names.insert(method.name).second) << method.name;
    if (method.strength.usual) {
      EXPECT_TRUE(method.strength.range.contains(*method.strength.usual)) << method.name;
    }
  }
}

TEST(MethodTable, HelpHasEveryOptionWithItsValues) {
  const std::string help = detoxifier_options_help();
  EXPECT_NE(help.find("readout=norm|layernorm|scale|convex|contrast|probability|temperature (fusion)"),
            std::string::npos)
      << help;
  EXPECT_NE(help.find("filter_p=P, target_p=P, class_bias=P (gedi); layers=A-B (profs); candidates=N"),
            std::string::npos)
      << help;
}

// ---- a new method is a struct, and a line in a list of methods ----

/// Takes nats from the logit of one token.
class ToySession final : public Session {
 public:
  explicit ToySession(int64_t token) : token_(token) {}
  void logits(const Step& step, Tensor& z) override {
    for (size_t r = 0; r < step.rows.size(); ++r) z[int64_t(r)][token_] -= step.strengths[r];
  }

 private:
  int64_t token_;
};

struct ToyMethod {
  static constexpr OptionInfo options[] = {OptionInfo::integer("token", {.least = 0.0}, "token that is held down")};
  static constexpr MethodInfo info{"toy", options, {3.0f, {.least = 0.0, .most = 4.0}, "nats that it loses"}};
  static std::shared_ptr<Detoxifier> load(std::shared_ptr<const DetoxifierFile> file, const MethodOptions& options) {
    const int64_t token = options.integer("token").value_or(file->info().settings.at("token"));
    return file_detoxifier(file, info, "", [token](const Model&) { return std::make_unique<ToySession>(token); });
  }
};

class ToyMethodTest : public testing::Test {
 protected:
  ToyMethodTest() {
    methods_.push_back(FileMethod::of<ToyMethod>());
    DetoxifierInfo info;
    info.method = ToyMethod::info.name;
    info.target = TargetSignature::of(*model_);
    info.settings = {{"token", 7}};
    info.default_strength = *ToyMethod::info.strength.usual;
    write_detoxifier(file_, info, {});
  }
  std::shared_ptr<Detoxifier> open(const std::string& options = "") const {
    return open_detoxifier(DetoxSpec::parse(file_.string() + options), methods_);
  }

  TempDir folder_;
  fs::path file_ = folder_.path() / "toy.detox.safetensors";
  std::shared_ptr<const Model> model_ =
      testing_support::open_exact(testing_support::write_toy_llama(folder_.path() / "model", {}));
  std::vector<FileMethod> methods_ = file_methods();
};

TEST_F(ToyMethodTest, IsOpenedWithItsOptionAndActs) {
  const auto plain = decode_plain(model_, {5, 6}, 1)[0].logits[0];
  for (const auto& [options, token] : {std::pair("", 7), std::pair("?token=9", 9)}) {
    auto expected = plain.clone();
    expected[token] -= 3.0f;
    EXPECT_TRUE(torch::equal(decode_with(model_, *open(options), {5, 6}, 1, {3.0f})[0].logits[0], expected));
  }
  EXPECT_EQ(open()->default_strength(), 3.0f);
  EXPECT_EQ(open()->name(), "toy");
}

TEST_F(ToyMethodTest, HasItsOptionsHelpAndErrorsFromItsEntry) {
  EXPECT_EQ(options_help(MethodList<ToyMethod>::infos), "token=N (toy)");
  const std::string place = concat("[toy] ", file_.string(), ": ");
  EXPECT_EQ(message_of([&] { open("?word=x"); }), place + "option \"word\" is not known; there is token");
  EXPECT_EQ(message_of([&] { open("?token=x"); }), place + "token \"x\" is no whole number, expected 0 or more");
  EXPECT_EQ(message_of([&] { open("?token=-1"); }), place + "token \"-1\", expected 0 or more");
}

TEST_F(ToyMethodTest, AStrengthBeyondItsRangeIsRefusedWhenItIsAskedForAndNotStepByStep) {
  EXPECT_EQ(message_of([&] { open(":5"); }),
            concat("[detoxifier] ", file_.string(), ": strength 5 of toy, expected 0 to 4"));
  Generator generator(model_, testing_support::one_session(open()->open(*model_)));
  EXPECT_EQ(message_of([&] { generator.submit(testing_support::greedy_request(0, {5, 6}, 1, {-1.0f})); }),
            "[request] strength -1 of toy, expected 0 to 4");
  generator.submit(testing_support::greedy_request(0, {5, 6}, 1, {0.0f}));
}

TEST_F(ToyMethodTest, IsNotKnownWhereItIsNotInTheList) {
  const std::string message = message_of([&] { open_detoxifier(DetoxSpec::parse(file_.string())); });
  EXPECT_NE(message.find("method \"toy\" is not known to this Limpid, which has destein, dexperts"), std::string::npos)
      << message;
}

// ---- docs/detoxifiers.md ----

std::string strengths_page() {
  std::string page = "| name | strength | usual | range |\n| --- | --- | --- | --- |\n";
  for (const MethodInfo& method : all_methods()) {
    const StrengthInfo& strength = method.strength;
    page += concat("| `", method.name, "` | ", strength.meaning, " | ",
                   strength.usual ? concat(*strength.usual) : "the file's", " | ", strength.range.text(), " |\n");
  }
  return page;
}

std::string options_page() {
  std::string page = "| name | option | values | |\n| --- | --- | --- | --- |\n";
  for (const MethodInfo& method : all_methods())
    for (const OptionInfo& option : method.options) {
      const std::string values = option.kind == OptionInfo::Kind::Choice   ? join(option.choices)
                                 : option.kind == OptionInfo::Kind::Layers ? "first-last"
                                                                           : option.range.text();
      page += concat("| `", method.name, "` | `?", option.key, "=` | ", values, " | ", option.help, " |\n");
    }
  return page;
}

TEST(MethodTable, ThePageOfDetoxifiersSaysTheSame) {
  const std::string page = read_file(fs::path(LIMPID_SOURCE_DIR) / "docs" / "detoxifiers.md");
  for (const std::string& table : {strengths_page(), options_page()})
    EXPECT_NE(page.find(table), std::string::npos) << "docs/detoxifiers.md should have\n\n" << table;
}

}  // namespace
}  // namespace limpid
