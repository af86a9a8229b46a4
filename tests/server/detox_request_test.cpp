#include <gtest/gtest.h>

#include "tests/server/server_facts.h"

namespace limpid::server {
namespace {

using testing::chat_with;
using testing::expect_refusal;
using testing::toy_facts;

using Strengths = std::vector<float>;

Strengths strengths(const std::string& detox) { return chat_with("\"detox\":" + detox).strengths; }

void expect_refused(const std::string& detox, int status, const std::string& code, const std::string& param,
                    const std::string& words = "") {
  SCOPED_TRACE(detox);
  expect_refusal([&] { strengths(detox); }, status, code, param, words);
}

TEST(DetoxOfARequest, TrueIsTheStartOfEach) { EXPECT_EQ(strengths("true"), (Strengths{0.5f, 0.0f})); }

TEST(DetoxOfARequest, ANumberIsTheFirstAndTurnsTheOthersOff) {
  ServerFacts facts = toy_facts();
  facts.detoxifiers[1].start = 0.3f;
  EXPECT_EQ(chat_with(R"("detox":2)", facts).strengths, (Strengths{2.0f, 0.0f}));
  EXPECT_EQ(chat_with("", facts).strengths, (Strengths{0.5f, 0.3f}));
}

TEST(DetoxOfARequest, FalseZeroAndAnEmptyListAreThePlainModel) {
  for (const char* plain : {"false", "0", "0.0", "-0.0", "[]", R"([{"name":"calm","strength":0}])"}) {
    EXPECT_EQ(strengths(plain), (Strengths{0.0f, 0.0f})) << plain;
    EXPECT_FALSE(std::signbit(strengths(plain)[0]));
  }
}

TEST(DetoxOfARequest, AListIsExactlyThatInTheServersOrder) {
  EXPECT_EQ(strengths(R"([{"name":"heat","strength":0.25},{"name":"calm"}])"), (Strengths{0.5f, 0.25f}));
  EXPECT_EQ(strengths(R"([{"name":"heat","strength":0.25}])"), (Strengths{0.0f, 0.25f}));
  EXPECT_EQ(strengths(R"([{"name":"calm","strength":null}])"), (Strengths{0.5f, 0.0f}));
}

TEST(DetoxOfARequest, SaysWhatThereIsForANameThatIsNot) {
  expect_refused(R"([{"name":"kalm"}])", 404, "detoxifier_not_found", "detox[0].name",
                 "is \"kalm\", expected one of those loaded: calm, heat");
  expect_refused(R"([{"name":"calm"},{"name":"/etc/passwd SECRET"}])", 404, "detoxifier_not_found", "detox[1].name");
}

TEST(DetoxOfARequest, SaysTheRangeOfAStrengthOutsideIt) {
  expect_refused("10.5", 400, "invalid_value", "detox", "is 10.5, expected 0 to 10 for \"calm\"");
  expect_refused("-1", 400, "invalid_value", "detox", "0 to 10");
  expect_refused(R"([{"name":"heat","strength":1}])", 400, "invalid_value", "detox[0].strength", "0 to 0.99");
  ServerFacts facts = toy_facts();
  facts.detoxifiers[0].range = {};
  expect_refusal([&] { chat_with(R"("detox":1e300)", facts); }, 400, "invalid_value", "detox", "a finite number");
}

TEST(DetoxOfARequest, RefusesOtherForms) {
  for (const char* wrong : {"\"calm\"", "{\"name\":\"calm\"}"}) expect_refused(wrong, 400, "invalid_type", "detox");
  expect_refused(R"(["calm"])", 400, "invalid_type", "detox[0]");
  expect_refused(R"([{"strength":1}])", 400, "missing_required_parameter", "detox[0].name");
  expect_refused(R"([{"name":5}])", 400, "invalid_type", "detox[0].name");
  expect_refused(R"([{"name":"calm","strength":"1"}])", 400, "invalid_type", "detox[0].strength");
  expect_refused(R"([{"name":"calm","strength":true}])", 400, "invalid_type", "detox[0].strength");
  expect_refused(R"([{"name":"calm"},{"name":"calm"}])", 400, "invalid_value", "detox[1].name", "again");
}

TEST(DetoxOfARequest, WithoutDetoxifiersOnlyThePlainModelIsThere) {
  ServerFacts facts = toy_facts();
  facts.detoxifiers.clear();
  for (const char* plain : {"null", "true", "false", "0", "[]"})
    EXPECT_TRUE(chat_with(concat("\"detox\":", plain), facts).strengths.empty()) << plain;
  expect_refusal([&] { chat_with(R"("detox":0.5)", facts); }, 404, "detoxifier_not_found", "detox");
  expect_refusal([&] { chat_with(R"("detox":[{"name":"calm"}])", facts); }, 404, "detoxifier_not_found",
                 "detox[0].name", "loaded: none");
}

TEST(GuardOfARequest, IsOffUnlessItIsAskedFor) {
  EXPECT_FALSE(chat_with("").guard.on);
  EXPECT_FALSE(chat_with(R"("guard":false)").guard.on);
  const GuardChoice guard = chat_with(R"("guard":true)").guard;
  EXPECT_TRUE(guard.on);
  EXPECT_EQ(guard.threshold, 0.49);
  EXPECT_EQ(guard.rewinds, 2);
  const GuardChoice own = chat_with(R"("guard":{"threshold":0.9,"rewinds":0})").guard;
  EXPECT_TRUE(own.on && chat_with(R"("guard":{})").guard.on);
  EXPECT_EQ(own.threshold, 0.9);
  EXPECT_EQ(own.rewinds, 0);
}

TEST(GuardOfARequest, IsNeverWeakerThanTheServers) {
  ServerFacts facts = toy_facts();
  facts.guard.always = true;
  EXPECT_TRUE(chat_with("", facts).guard.on);
  EXPECT_EQ(chat_with(R"("guard":{"threshold":0.1})", facts).guard.threshold, 0.1);
  EXPECT_EQ(chat_with(R"("guard":{"threshold":0.49})", facts).guard.threshold, 0.49);
  expect_refusal([&] { chat_with(R"("guard":false)", facts); }, 400, "guard_required", "guard");
  expect_refusal([&] { chat_with(R"("guard":{"threshold":0.5})", facts); }, 400, "guard_required", "guard.threshold",
                 "at most 0.49");
}

TEST(GuardOfARequest, SaysWhatIsWrongWithIt) {
  const auto refused = [](const std::string& guard, const std::string& code, const std::string& param) {
    SCOPED_TRACE(guard);
    expect_refusal([&] { chat_with("\"guard\":" + guard); }, 400, code, param);
  };
  refused("5", "invalid_type", "guard");
  refused("\"on\"", "invalid_type", "guard");
  refused("[]", "invalid_type", "guard");
  refused(R"({"threshold":1.1})", "invalid_value", "guard.threshold");
  refused(R"({"threshold":"0"})", "invalid_type", "guard.threshold");
  refused(R"({"rewinds":9})", "invalid_value", "guard.rewinds");
  refused(R"({"rewinds":1.5})", "invalid_type", "guard.rewinds");
  ServerFacts facts = toy_facts();
  facts.guard.available = false;
  expect_refusal([&] { chat_with(R"("guard":true)", facts); }, 404, "not_loaded", "guard");
}

}  // namespace
}  // namespace limpid::server
