#include "limpid/server/requests/comments.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/server/server_facts.h"

namespace limpid::server {
namespace {

using testing::expect_refusal;
using Texts = std::vector<std::string>;

CommentRequest comment(const std::string& body) { return read_comment_request(read_strict_json(body)); }
/// A request with further members; its text is SECRET.
std::string with(const std::string& members) {
  return R"({"comment":{"text":"SECRET"},"requestedAttributes":{"TOXICITY":{}})" +
         (members.empty() ? "" : "," + members) + "}";
}
std::string asking(const std::string& attributes) {
  return R"({"comment":{"text":"SECRET"},"requestedAttributes":)" + attributes + "}";
}
void refused(const std::string& body, const std::string& code, const std::string& param,
             const std::string& words = "") {
  SCOPED_TRACE(body.substr(0, 200));
  expect_refusal([&] { comment(body); }, 400, code, param, words);
}

constexpr const char* kExample =
    R"({"comment":{"text":"You are kind. Go away, fool!"},"requestedAttributes":{"TOXICITY":{}},"languages":["en"],)"
    R"("spanAnnotations":true,"doNotStore":true,"clientToken":"c-1"})";

TEST(CommentAnswer, IsThatOfTheService) {
  const CommentRequest request = comment(kExample);
  EXPECT_EQ(request.texts(), (Texts{"You are kind. Go away, fool!", "You are kind.", "Go away, fool!"}));
  EXPECT_EQ(
      comment_body(request, {0.9, 0.01, 0.97}),
      R"({"attributeScores":{"TOXICITY":{"spanScores":[{"begin":0,"end":13,"score":{"value":0.01,"type":"PROBABILITY"}},)"
      R"({"begin":14,"end":28,"score":{"value":0.97,"type":"PROBABILITY"}}],"summaryScore":{"value":0.9,"type":"PROBABILITY"}}},)"
      R"("languages":["en"],"detectedLanguages":["en"],"clientToken":"c-1"})");
}

TEST(CommentAnswer, HasOneSpanWithoutAnnotationsAndForWhiteSpace) {
  const CommentRequest request =
      comment(R"({"comment":{"text":"A\ud83d\ude00. B."},"requestedAttributes":{"TOXICITY":{}}})");
  EXPECT_EQ(request.texts().size(), 1u);
  const Json body = Json::parse(comment_body(request, {0.5}));
  const Json& spans = body["attributeScores"]["TOXICITY"]["spanScores"];
  ASSERT_EQ(spans.size(), 1u);
  EXPECT_EQ(spans[0]["begin"], 0);
  EXPECT_EQ(spans[0]["end"], 7) << "the emoji is two units";
  EXPECT_EQ(spans[0]["score"]["value"], 0.5);
  EXPECT_FALSE(body.contains("clientToken"));
  const CommentRequest blank =
      comment(R"({"comment":{"text":"  "},"requestedAttributes":{"TOXICITY":{}},"spanAnnotations":true})");
  EXPECT_EQ(blank.texts().size(), 1u);
  EXPECT_EQ(Json::parse(comment_body(blank, {0.0}))["attributeScores"]["TOXICITY"]["spanScores"][0]["end"], 2);
}

TEST(CommentAnswer, LeavesTheAttributeOutBelowItsThreshold) {
  const CommentRequest request = comment(asking(R"({"TOXICITY":{"scoreThreshold":0.5,"scoreType":"PROBABILITY"}})"));
  EXPECT_EQ(Json::parse(comment_body(request, {0.49}))["attributeScores"], Json::object());
  EXPECT_TRUE(Json::parse(comment_body(request, {0.5}))["attributeScores"].contains("TOXICITY"));
}

TEST(CommentAnswer, NamesWhatIsNotMeasured) {
  const CommentRequest request =
      comment(asking(R"({"TOXICITY":{},"INSULT":{},"THREAT":{"scoreThreshold":0.1},"SPAM":null})"));
  EXPECT_EQ(Json::parse(comment_body(request, {0.5}))["unmeasured"], (Json{"INSULT", "THREAT"}));
  EXPECT_FALSE(Json::parse(comment_body(comment(with("")), {0.5})).contains("unmeasured"));
}

TEST(CommentAnswer, FailsWhereATextHasNoScore) {
  expect_refusal([] { comment_body(comment(kExample), {0.1, std::nan(""), 0.2}); }, 500, "numeric_failure", "(none)");
}

TEST(CommentRequest, HasATextOf1To20480Bytes) {
  const auto of_size = [](size_t bytes) {
    return R"({"comment":{"text":")" + std::string(bytes, 'a') + R"("},"requestedAttributes":{"TOXICITY":{}}})";
  };
  EXPECT_EQ(comment(of_size(20'480)).text.size(), 20'480u);
  refused(of_size(20'481), "COMMENT_TOO_LONG", "comment.text", "20481");
  refused(of_size(0), "COMMENT_EMPTY", "comment.text");
  refused(R"({"comment":{},"requestedAttributes":{"TOXICITY":{}}})", "COMMENT_EMPTY", "comment.text");
  refused(R"({"requestedAttributes":{"TOXICITY":{}}})", "COMMENT_EMPTY", "comment.text");
  refused(R"({"comment":"SECRET","requestedAttributes":{"TOXICITY":{}}})", "invalid_type", "comment");
  refused(R"({"comment":{"text":5},"requestedAttributes":{"TOXICITY":{}}})", "invalid_type", "comment.text");
  refused(R"({"comment":{"text":"SECRET","type":"HTML"},"requestedAttributes":{"TOXICITY":{}}})", "invalid_value",
          "comment.type", "HTML");
}

TEST(CommentRequest, AsksForToxicityAmongAttributesOfTheService) {
  refused(R"({"comment":{"text":"SECRET"}})", "missing_required_parameter", "requestedAttributes");
  refused(asking("[]"), "invalid_type", "requestedAttributes");
  refused(asking("{}"), "invalid_value", "requestedAttributes");
  refused(asking(R"({"TOXICITY":null})"), "invalid_value", "requestedAttributes");
  refused(asking(R"({"INSULT":{},"SEVERE_TOXICITY":{}})"), "invalid_value", "requestedAttributes", "not measured");
  refused(asking(R"({"TOXICITY":{},"KINDNESS":{}})"), "invalid_value", "requestedAttributes", "KINDNESS");
  refused(asking(R"({"TOXICITY":5})"), "invalid_type", "requestedAttributes.TOXICITY");
  refused(asking(R"({"TOXICITY":{"scoreType":"RANK"}})"), "invalid_value", "requestedAttributes.TOXICITY.scoreType");
  refused(asking(R"({"TOXICITY":{"scoreThreshold":1.5}})"), "invalid_value",
          "requestedAttributes.TOXICITY.scoreThreshold");
  refused(asking(R"({"TOXICITY":{"scoreThreshold":"1"}})"), "invalid_type",
          "requestedAttributes.TOXICITY.scoreThreshold");
}

TEST(CommentRequest, IsInEnglish) {
  EXPECT_EQ(comment(with("")).languages, Texts{"en"});
  EXPECT_EQ(comment(with(R"("languages":[])")).languages, Texts{"en"});
  EXPECT_EQ(comment(with(R"("languages":["en-GB"])")).languages, Texts{"en-GB"});
  refused(with(R"("languages":["en","de"])"), "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE", "languages[1]", "\"de\"");
  refused(with(R"("languages":["eng"])"), "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE", "languages[0]");
  refused(with(R"("languages":"en")"), "invalid_type", "languages");
  refused(with(R"("languages":[1])"), "invalid_type", "languages[0]");
}

TEST(CommentRequest, ReadsItsOtherFieldsStrictly) {
  refused(with(R"("spanAnnotations":"yes")"), "invalid_type", "spanAnnotations");
  refused(with(R"("clientToken":5)"), "invalid_type", "clientToken");
  EXPECT_EQ(comment(with(R"("doNotStore":false,"sessionId":"s","communityId":"c","context":{"entries":[]},"spans":1)"))
                .ignored,
            Texts{"spans"});
}

Json error(int status, const std::string& code) {
  return Json::parse(comment_error_body({status, code, "why"}))["error"];
}

TEST(CommentErrors, HaveTheServicesForm) {
  EXPECT_EQ(comment_error_body({400, "COMMENT_EMPTY", "why"}),
            R"({"error":{"code":400,"message":"why","status":"INVALID_ARGUMENT","details":[{"@type":)"
            R"("type.googleapis.com/google.commentanalyzer.v1alpha1.Error","errorType":"COMMENT_EMPTY"}]}})");
  EXPECT_FALSE(error(400, "invalid_type").contains("details"));
  const std::pair<int, const char*> statuses[] = {{400, "INVALID_ARGUMENT"}, {401, "UNAUTHENTICATED"},
                                                  {413, "INVALID_ARGUMENT"}, {429, "RESOURCE_EXHAUSTED"},
                                                  {500, "INTERNAL"},         {503, "UNAVAILABLE"}};
  for (const auto& [status, name] : statuses) {
    EXPECT_EQ(error(status, "x")["status"], name);
    EXPECT_EQ(error(status, "x")["code"], status);
  }
}

}  // namespace
}  // namespace limpid::server
