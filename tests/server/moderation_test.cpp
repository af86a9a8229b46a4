#include "limpid/server/requests/moderation.h"

#include <gtest/gtest.h>

#include "tests/server/fake_scoring.h"
#include "tests/server/server_facts.h"

namespace limpid::server {
namespace {

using testing::expect_refusal;
using testing_support::FakeScorer;
using Texts = std::vector<std::string>;

ModerationRequest moderation(const std::string& body) {
  return read_moderation_request(read_strict_json(body), FakeScorer());
}
void refused(const std::string& body, int status, const std::string& code, const std::string& param,
             const std::string& words = "") {
  SCOPED_TRACE(body.substr(0, 200));
  expect_refusal([&] { moderation(body); }, status, code, param, words);
}

TEST(ModerationRequest, TakesATextAListOfTextsOrTheParts) {
  EXPECT_EQ(moderation(R"({"input":"a"})").texts, Texts{"a"});
  EXPECT_EQ(moderation(R"({"input":""})").texts, Texts{""});
  EXPECT_EQ(moderation(R"({"input":["a","b"]})").texts, (Texts{"a", "b"}));
  EXPECT_EQ(moderation(R"({"input":[{"type":"text","text":"a"},{"type":"text","text":"b"}]})").texts, Texts{"a\nb"});
}

TEST(ModerationRequest, RefusesOtherInputs) {
  refused("{}", 400, "missing_required_parameter", "input");
  refused(R"({"input":null})", 400, "missing_required_parameter", "input");
  refused(R"({"input":5})", 400, "invalid_type", "input", "a number");
  refused(R"({"input":{"text":"SECRET"}})", 400, "invalid_type", "input");
  refused(R"({"input":[]})", 400, "invalid_value", "input", "1 to 256");
  refused(R"({"input":["SECRET",5]})", 400, "invalid_type", "input[1]");
  refused(R"({"input":["SECRET",{"type":"text","text":"b"}]})", 400, "invalid_type", "input[1]");
  refused(R"({"input":[{"type":"text","text":"SECRET"},"b"]})", 400, "invalid_type", "input[1]");
  refused(R"({"input":[{"type":"image_url","image_url":{"url":"SECRET"}}]})", 400, "invalid_value", "input[0].type",
          "image_url");
  refused(R"({"input":[{"type":"text"}]})", 400, "missing_required_parameter", "input[0].text");
  refused(R"({"input":[{"text":"SECRET"}]})", 400, "missing_required_parameter", "input[0].type");
}

TEST(ModerationRequest, HasAtMost256TextsAndAMebibyte) {
  const auto list = [](size_t count, const std::string& text) {
    std::string body = R"({"input":[)";
    for (size_t i = 0; i < count; ++i) body += (i ? ",\"" : "\"") + text + "\"";
    return body + "]}";
  };
  EXPECT_EQ(moderation(list(256, "a")).texts.size(), 256u);
  refused(list(257, "a"), 400, "invalid_value", "input", "257");
  EXPECT_EQ(moderation(list(256, std::string(4096, 'a'))).texts.size(), 256u);
  refused(list(255, std::string(4113, 'a')), 400, "invalid_value", "input", "1048815 bytes");
}

TEST(ModerationRequest, TakesTheScorersNameAndThoseThatClientsFix) {
  for (const char* model :
       {"tiny/head-1", "omni-moderation-latest", "omni-moderation-2024-09-26", "text-moderation-stable"})
    EXPECT_EQ(moderation(concat(R"({"input":"a","model":")", model, "\"}")).texts, Texts{"a"});
  EXPECT_NO_THROW(moderation(R"({"input":"a","model":null})"));
  refused(R"({"input":"a","model":"gpt-4"})", 404, "model_not_found", "model", "tiny/head-1");
  refused(R"({"input":"a","model":5})", 400, "invalid_type", "model");
}

TEST(ModerationRequest, NamesFieldsThatNobodyKnows) {
  EXPECT_EQ(moderation(R"({"input":"a","detx":1,"user":"u"})").ignored, Texts{"detx"});
  EXPECT_EQ(moderation(R"({"input":[{"type":"text","text":"a","x":1}]})").ignored, Texts{"input[0].x"});
}

Json answer(const std::string& body, const std::vector<double>& scores) {
  return Json::parse(moderation_body("modr-1", moderation(body), scores, FakeScorer()));
}

TEST(ModerationAnswer, HasAllCategoriesOfWhichTheMeasuredOnesSaySo) {
  const Json body = answer(R"({"input":["a","b"]})", {0.9, 0.25});
  EXPECT_EQ(body["id"], "modr-1");
  EXPECT_EQ(body["model"], "tiny/head-1");
  EXPECT_EQ(body["limpid"], (Json{{"threshold", 0.5}}));
  ASSERT_EQ(body["results"].size(), 2u);
  for (size_t i : {0, 1}) {
    const Json& result = body["results"][i];
    EXPECT_EQ(result["flagged"], i == 0);
    for (const char* part : {"categories", "category_scores", "category_applied_input_types"})
      EXPECT_EQ(result[part].size(), 14u) << part;
    for (const auto& [name, flag] : result["categories"].items()) {
      const bool is_measured = name == "toxicity" || name == "harassment";
      EXPECT_EQ(flag, is_measured && i == 0) << name;
      EXPECT_EQ(result["category_scores"][name], is_measured ? (i == 0 ? 0.9 : 0.25) : 0.0) << name;
      EXPECT_EQ(result["category_applied_input_types"][name], is_measured ? Json::array({"text"}) : Json::array());
    }
    for (const char* name :
         {"harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
          "self-harm/intent", "self-harm/instructions", "sexual", "sexual/minors", "violence", "violence/graphic"})
      EXPECT_TRUE(result["categories"].contains(name)) << name;
  }
}

TEST(ModerationAnswer, FlagsAboveTheThresholdOnly) {
  EXPECT_EQ(answer(R"({"input":"a"})", {0.5})["results"][0]["flagged"], false);
  EXPECT_EQ(answer(R"({"input":"a"})", {0.500001})["results"][0]["flagged"], true);
}

TEST(ModerationAnswer, FailsWhereATextHasNoScore) {
  expect_refusal([] { answer(R"({"input":["a","b"]})", {0.1, std::nan("")}); }, 500, "numeric_failure", "(none)");
}

}  // namespace
}  // namespace limpid::server
