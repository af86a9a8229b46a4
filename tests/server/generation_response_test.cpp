#include "limpid/server/responses/generation_response.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/server/server_facts.h"

namespace limpid::server {
namespace {

using testing::chat_with;
using testing::completion;
using testing::completion_with;
using testing::toy_facts;

constexpr float kNever = -std::numeric_limits<float>::infinity();

const std::string kChatFrame = R"("created":1790000001,"model":"toy","system_fingerprint":"lp_1",)";
const std::string kLimpid = R"("limpid":{"detox":[{"name":"calm","strength":0.5}],"seed":42})";

TokenRecord token(TokenId id, const std::string& bytes, float log_prob = -1.0f) {
  return {{id, bytes}, log_prob, {}, {}};
}

std::string whole(const GenerationRequest& request, const std::vector<Piece>& pieces,
                  const std::vector<Ending>& endings, const ServerFacts& facts = toy_facts()) {
  GenerationResponse response({request.chat ? "chatcmpl-1" : "cmpl-1", 1790000001}, request, facts);
  for (const Piece& piece : pieces) response.add(piece);
  for (const Ending& ending : endings) response.add(ending);
  return response.whole({31, 3, 0});
}

/// Returns the events, one in a line.
std::string streamed(const GenerationRequest& request, const std::vector<Piece>& pieces,
                     const std::vector<Ending>& endings) {
  GenerationEvents stream({request.chat ? "chatcmpl-1" : "cmpl-1", 1790000001}, request, toy_facts());
  std::string lines;
  const auto take = [&](const std::vector<std::string>& events) {
    for (const std::string& event : events) lines += event + "\n";
  };
  for (const Piece& piece : pieces) take(stream.of(piece));
  for (const Ending& ending : endings) take(stream.of(ending));
  if (const auto usage = stream.of(Usage{31, 3, 16})) lines += *usage + "\n";
  return lines;
}

TEST(ChatResponses, AreTheDocumentedBytes) {
  const std::string text = whole(chat_with(R"("seed":42)"), {{0, "Hel", {}}, {0, "lo.", {}}}, {{0, "stop", {}}});
  EXPECT_EQ(
      text,
      R"({"id":"chatcmpl-1","object":"chat.completion",)" + kChatFrame +
          R"("choices":[{"index":0,"message":{"role":"assistant","content":"Hello.","refusal":null},"logprobs":null,)"
          R"("finish_reason":"stop"}],"usage":{"prompt_tokens":31,"completion_tokens":3,"total_tokens":34,)"
          R"("prompt_tokens_details":{"cached_tokens":0}},)" +
          kLimpid + "}");
}

TEST(CompletionResponses, AreTheDocumentedBytes) {
  const std::string text = whole(completion(R"({"prompt":["a","b"],"seed":42})"), {{1, " b", {}}, {0, " a", {}}},
                                 {{1, "length", {}}, {0, "stop", {}}});
  EXPECT_EQ(text, R"({"id":"cmpl-1","object":"text_completion",)" + kChatFrame +
                      R"("choices":[{"index":0,"text":" a","logprobs":null,"finish_reason":"stop"},)"
                      R"({"index":1,"text":" b","logprobs":null,"finish_reason":"length"}],)"
                      R"("usage":{"prompt_tokens":31,"completion_tokens":3,"total_tokens":34,)"
                      R"("prompt_tokens_details":{"cached_tokens":0}},)" +
                      kLimpid + "}");
}

TEST(Responses, HaveAChoiceForEverySampleThoughNothingWasWritten) {
  const Json json =
      Json::parse(whole(chat_with(R"("n":3)"), {}, {{2, "stop", {}}, {1, "stop", {}}, {0, "length", {}}}));
  ASSERT_EQ(json["choices"].size(), 3u);
  EXPECT_EQ(json["choices"][2]["message"]["content"], "");
  EXPECT_EQ(json["choices"][0]["finish_reason"], "length");
}

TEST(Responses, SayWhatActedWithWhichSeedAndWhatWasIgnored) {
  const auto said = [](const std::string& members) {
    const std::string body = whole(chat_with(members), {}, {{0, "stop", {}}});
    return body.substr(body.find("\"limpid\""));
  };
  EXPECT_EQ(said(R"("seed":-1,"detox":0)"), R"("limpid":{"detox":[],"seed":-1}})");
  EXPECT_EQ(
      said(R"("seed":5,"detox":[{"name":"heat","strength":0.1},{"name":"calm","strength":0.7}],"detoks":1)"),
      R"("limpid":{"detox":[{"name":"calm","strength":0.7},{"name":"heat","strength":0.1}],"seed":5,"ignored":["detoks"]}})");
  EXPECT_EQ(said(R"("seed":5,"detox":2)"), R"("limpid":{"detox":[{"name":"calm","strength":2.0}],"seed":5}})");
}

TEST(ChatLogProbabilities, GiveBytesOfWhichSpecialTokensHaveNone) {
  TokenRecord half = token(4, "\xe2\x96", -0.5f), end = token(9, "", kNever);
  end.token.spelling = "<|end|>";
  half.top = {{{4, "\xe2\x96"}, -0.5f}, {end.token, -0.7f}};
  const std::string body =
      whole(chat_with(R"("logprobs":true,"top_logprobs":2)"), {{0, "▁", {half, end}}}, {{0, "stop", {}}});
  EXPECT_NE(
      body.find(R"("logprobs":{"content":[{"token":"�","logprob":-0.5,"bytes":[226,150],"top_logprobs":[)"
                R"({"token":"�","logprob":-0.5,"bytes":[226,150]},{"token":"<|end|>","logprob":-0.7,"bytes":[]}]},)"
                R"({"token":"<|end|>","logprob":-9999.0,"bytes":[],"top_logprobs":[]}],"refusal":null},)"),
      std::string::npos)
      << body;
}

TEST(ChatLogProbabilities, AreAnEmptyListOfAnEmptyAnswer) {
  const Json json = Json::parse(whole(chat_with(R"("logprobs":true)"), {}, {{0, "stop", {}}}));
  EXPECT_EQ(json["choices"][0]["logprobs"], Json::parse(R"({"content":[],"refusal":null})"));
}

TEST(CompletionLogProbabilities, CountCharactersAndSpellPiecesOfThem) {
  TokenRecord first = token(1, "é"), a = token(2, "\xe2", -0.25f), b = token(3, "\x96\x81x", -2.0f);
  first.log_prob.reset();  // of an echoed prompt
  a.top = {{{2, "\xe2"}, -0.25f}, {{5, "y"}, -0.5f}};
  b.top = {{{5, "y"}, -0.5f}};
  const GenerationRequest request = completion_with(R"("logprobs":2,"echo":true)");
  const std::string body = whole(request, {{0, "é", {first}}, {0, "▁x", {a, b}}}, {{0, "length", {}}});
  EXPECT_NE(
      body.find(
          R"("logprobs":{"tokens":["é","bytes:\\xe2","bytes:\\x96\\x81\\x78"],"token_logprobs":[null,-0.25,-2.0],)"
          R"("top_logprobs":[null,{"bytes:\\xe2":-0.25,"y":-0.5},{"y":-0.5,"bytes:\\x96\\x81\\x78":-2.0}],)"
          R"("text_offset":[0,1,1]},)"),
      std::string::npos)
      << body;
}

TEST(CompletionLogProbabilities, KeepTwoTokensThatLookAlikeApart) {
  TokenRecord a = token(1, "A");
  a.top = {{{1, "A"}, -1.0f}, {{2, "A"}, -2.0f}};
  const Json json = Json::parse(whole(completion_with(R"("logprobs":2)"), {{0, "A", {a}}}, {{0, "stop", {}}}));
  EXPECT_EQ(json["choices"][0]["logprobs"]["top_logprobs"][0], Json::parse(R"({"A":-1.0,"bytes:\\x41":-2.0})"));
}

TEST(CompletionLogProbabilities, EndWhereAStopStringCutTheText) {
  const Json json = Json::parse(whole(completion_with(R"("logprobs":0)"),
                                      {{0, "ab", {token(1, "ab"), token(2, "cd"), token(3, "e")}}}, {{0, "stop", {}}}));
  EXPECT_EQ(json["choices"][0]["logprobs"]["text_offset"], Json::parse("[0,2,2]"));
}

TEST(Explanations, GiveTheMeanAndEachToken) {
  TokenRecord a = token(1, " calm", -1.2f), b = token(2, "!", -0.5f), of_prompt = token(3, "x");
  a.explanation = {-3.1f, {4, " angry"}, 0.25};
  b.explanation = {-0.5f, {2, "!"}, 0.0};
  const std::string body =
      whole(completion_with(R"("explain":true)"), {{0, "x calm", {of_prompt, a}}, {0, "!", {b}}}, {{0, "stop", {}}});
  EXPECT_NE(
      body.find(
          R"("finish_reason":"stop","limpid":{"explain":{"mean_kl":0.125,"tokens":[{"token":" calm","id":1,"logprob":-1.2,)"
          R"("base_logprob":-3.1,"base_token":" angry","base_id":4,"kl":0.25},{"token":"!","id":2,"logprob":-0.5,)"
          R"("base_logprob":-0.5,"base_token":"!","base_id":2,"kl":0.0}]}}})"),
      std::string::npos)
      << body;
}

TEST(Guarded, AnswersTellWhatTheGuardDid) {
  const GuardReport report{0.49, 5, 1, 9, true, 0.03, 0.75f};
  const std::string told =
      R"("finish_reason":"content_filter","limpid":{"guard":{"threshold":0.49,"checks":5,"rewinds":1,"rewound_tokens":9,)"
      R"("refused":true,"score":0.03,"strength":0.75}}})";
  const std::string body = whole(chat_with(R"("guard":true)"), {{0, "Well", {}}}, {{0, "content_filter", report}});
  EXPECT_NE(body.find(R"("message":{"role":"assistant","content":"Well","refusal":"I can't continue with this."})"),
            std::string::npos);
  EXPECT_NE(body.find(told), std::string::npos) << body;
  const std::string completed = whole(completion_with(R"("guard":true)"), {}, {{0, "content_filter", report}});
  EXPECT_EQ(completed.find("can't continue"), std::string::npos) << "completions have no such field";
  const std::string events = streamed(chat_with(R"("guard":true)"), {{0, "Well", {}}}, {{0, "content_filter", report}});
  EXPECT_NE(
      events.find(
          R"("choices":[{"index":0,"delta":{"refusal":"I can't continue with this."},"logprobs":null,"finish_reason":null}]})"
          "\n"),
      std::string::npos)
      << events;
  EXPECT_NE(events.find(R"("choices":[{"index":0,"delta":{},"logprobs":null,)" + told + "]}\n"), std::string::npos)
      << events;
}

TEST(ChatEvents, AreTheDocumentedBytes) {
  const std::string head = R"({"id":"chatcmpl-1","object":"chat.completion.chunk",)" + kChatFrame + R"("choices":[)";
  EXPECT_EQ(streamed(chat_with(R"("seed":42,"stream":true)"), {{0, "Hé", {}}, {0, "", {}}}, {{0, "stop", {}}}),
            head + R"({"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],)" +
                kLimpid + "}\n" + head +
                R"({"index":0,"delta":{"content":"Hé"},"logprobs":null,"finish_reason":null}]})" + "\n" + head +
                R"({"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]})" + "\n");
}

TEST(CompletionEvents, AreTheDocumentedBytes) {
  const std::string head = R"({"id":"cmpl-1","object":"text_completion",)" + kChatFrame + R"("choices":[)";
  EXPECT_EQ(streamed(completion_with(R"("seed":42,"stream":true,"stream_options":{"include_usage":true})"),
                     {{0, " a", {}}}, {{0, "length", {}}}),
            head + R"({"index":0,"text":" a","logprobs":null,"finish_reason":null}],"usage":null,)" + kLimpid + "}\n" +
                head + R"({"index":0,"text":"","logprobs":null,"finish_reason":"length"}],"usage":null})" + "\n" +
                head +
                R"(],"usage":{"prompt_tokens":31,"completion_tokens":3,"total_tokens":34,)"
                R"("prompt_tokens_details":{"cached_tokens":16}}})" +
                "\n");
}

TEST(Events, BeginEachChoiceWithItsRole) {
  const std::string events = streamed(chat_with(R"("n":2)"), {{1, "b", {}}}, {{1, "stop", {}}, {0, "stop", {}}});
  size_t roles = 0;
  for (size_t at = 0; (at = events.find("\"role\":\"assistant\"", at)) != std::string::npos; ++at) ++roles;
  EXPECT_EQ(roles, 2u);
  EXPECT_EQ(events.rfind("\"limpid\""), events.find("\"limpid\"")) << "on the first event alone";
}

TEST(Events, CarryJustTheirOwnTokensWithOffsetsThatGoOn) {
  const std::string events = streamed(completion_with(R"("logprobs":0)"),
                                      {{0, "éa", {token(1, "éa")}}, {0, "b", {token(2, "b")}}}, {{0, "stop", {}}});
  EXPECT_NE(events.find(R"("tokens":["éa"],"token_logprobs":[-1.0],"top_logprobs":[{"éa":-1.0}],"text_offset":[0])"),
            std::string::npos);
  EXPECT_NE(events.find(R"("tokens":["b"],"token_logprobs":[-1.0],"top_logprobs":[{"b":-1.0}],"text_offset":[2])"),
            std::string::npos);
}

TEST(Events, JoinedAreTheWholeAnswer) {
  const GenerationRequest request = chat_with(R"("logprobs":true)");
  const std::vector<Piece> pieces = {
      {0, "a", {token(1, "a", -0.1f)}}, {0, "", {token(9, "")}}, {0, "▁", {token(2, "\xe2\x96"), token(3, "\x81")}}};
  const Json all = Json::parse(whole(request, pieces, {{0, "stop", {}}}))["choices"][0];
  std::string text;
  Json log_probs = Json::array();
  std::istringstream lines(streamed(request, pieces, {{0, "stop", {}}}));
  for (std::string line; std::getline(lines, line);) {
    const Json choice = Json::parse(line)["choices"][0];
    text += choice["delta"].value("content", "");
    if (choice["logprobs"].is_object())
      log_probs.insert(log_probs.end(), choice["logprobs"]["content"].begin(), choice["logprobs"]["content"].end());
  }
  EXPECT_EQ(text, all["message"]["content"]);
  EXPECT_EQ(log_probs, all["logprobs"]["content"]);
}

TEST(Explanations, ComeWithTheTokensOfAChunkAndTheMeanAtItsEnd) {
  TokenRecord a = token(1, "a", -1.5f);
  a.explanation = {-2.0f, {2, "b"}, 0.5};
  const std::string events = streamed(chat_with(R"("explain":true)"), {{0, "a", {a}}}, {{0, "stop", {}}});
  EXPECT_NE(
      events.find(
          R"("finish_reason":null,"limpid":{"explain":{"tokens":[{"token":"a","id":1,"logprob":-1.5,"base_logprob":-2.0,)"
          R"("base_token":"b","base_id":2,"kl":0.5}]}}})"),
      std::string::npos)
      << events;
  EXPECT_NE(events.find(R"("finish_reason":"stop","limpid":{"explain":{"mean_kl":0.5,"tokens":[]}}})"),
            std::string::npos)
      << events;
}

}  // namespace
}  // namespace limpid::server
