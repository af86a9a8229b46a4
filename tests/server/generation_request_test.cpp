#include "limpid/server/requests/generation_request.h"

#include <gtest/gtest.h>

#include "tests/server/server_facts.h"

namespace limpid::server {
namespace {

using testing::chat;
using testing::chat_with;
using testing::completion;
using testing::completion_with;
using testing::expect_refusal;
using testing::toy_facts;

void expect_chat_refusal(const std::string& members, int status, const std::string& code, const std::string& param,
                         const std::string& words = "") {
  SCOPED_TRACE(members.substr(0, 100));
  expect_refusal([&] { chat_with(members); }, status, code, param, words);
}
void expect_completion_refusal(const std::string& members, int status, const std::string& code,
                               const std::string& param, const std::string& words = "") {
  SCOPED_TRACE(members.substr(0, 100));
  expect_refusal([&] { completion_with(members); }, status, code, param, words);
}
/// For both kinds of request.
void expect_refused(const std::string& members, const std::string& code, const std::string& param,
                    const std::string& words = "") {
  expect_chat_refusal(members, 400, code, param, words);
  expect_completion_refusal(members, 400, code, param, words);
}

TEST(ChatRequests, HaveDefaultsForAllButMessages) {
  const GenerationRequest request = chat_with("");
  EXPECT_TRUE(request.chat);
  ASSERT_EQ(request.messages.size(), 1u);
  EXPECT_EQ(request.messages[0].content, "SECRET");
  EXPECT_EQ(request.max_tokens, std::nullopt) << "the rest of the context";
  EXPECT_EQ(request.sampling.temperature, 1.0f);
  EXPECT_LT(request.sampling.seed, uint64_t(1) << 53);
  EXPECT_NE(request.sampling.seed, chat_with("").sampling.seed) << "drawn anew for each request";
  EXPECT_EQ(request.n, 1);
  EXPECT_EQ(request.log_probs, std::nullopt);
  EXPECT_EQ(request.strengths, (std::vector<float>{0.5f, 0.0f})) << "each detoxifier at its start strength";
  EXPECT_FALSE(request.stream || request.echo || request.explain || request.ignore_eos || request.guard.on);
  EXPECT_TRUE(request.cache_prompt);
  EXPECT_TRUE(request.ignored.empty());
}

TEST(ChatRequests, TakeNullForAbsent) {
  const GenerationRequest request = chat_with(
      R"("model":null,"max_tokens":null,"temperature":null,"seed":null,"n":null,"stop":null,"logit_bias":null,"logprobs":null,
         "top_logprobs":null,"stream":null,"stream_options":null,"detox":null,"explain":null,"guard":null,"tools":null,
         "response_format":null,"what":null)");
  EXPECT_EQ(request.sampling.temperature, 1.0f);
  EXPECT_EQ(request.strengths[0], 0.5f);
  EXPECT_TRUE(request.ignored.empty());
  expect_refusal([] { chat(R"({"messages":null})"); }, 400, "missing_required_parameter", "messages");
}

TEST(ChatRequests, TakeStringsAndTextPartsAsContents) {
  const GenerationRequest request = chat(R"({"messages":[{"role":"developer","content":"Be kind."},
    {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},{"role":"assistant"},
    {"role":"assistant","content":null},{"role":"system","content":""}]})");
  ASSERT_EQ(request.messages.size(), 5u);
  EXPECT_EQ(request.messages[0].role, "system");
  EXPECT_EQ(request.messages[1].content, "a\nb");
  EXPECT_EQ(request.messages[2].content, "");
  EXPECT_EQ(request.messages[3].role, "assistant");
}

TEST(ChatRequests, SayWhichMessageIsWrong) {
  const auto refused = [](const std::string& messages, const std::string& code, const std::string& param,
                          const std::string& words = "") {
    SCOPED_TRACE(messages);
    expect_refusal([&] { chat("{\"messages\":" + messages + "}"); }, 400, code, param, words);
  };
  refused("[]", "invalid_value", "messages", "1 to 1024 turns");
  refused("\"SECRET\"", "invalid_type", "messages", "is a string, expected a list");
  refused("[5]", "invalid_type", "messages[0]", "is a number, expected an object");
  refused(R"([{"content":"SECRET"}])", "missing_required_parameter", "messages[0].role");
  refused(R"([{"role":5,"content":"SECRET"}])", "invalid_type", "messages[0].role");
  refused(R"([{"role":"tool","content":"SECRET"}])", "invalid_value", "messages[0].role", "is \"tool\"");
  refused(R"([{"role":"function","content":"SECRET"}])", "invalid_value", "messages[0].role");
  refused(R"([{"role":"the SECRET","content":"SECRET"}])", "invalid_value", "messages[0].role", "is another text");
  refused(R"([{"role":"user","content":"SECRET"},{"role":"user"}])", "missing_required_parameter",
          "messages[1].content");
  refused(R"([{"role":"user","content":null}])", "missing_required_parameter", "messages[0].content");
  refused(R"([{"role":"user","content":{"SECRET":1}}])", "invalid_type", "messages[0].content");
  refused(R"([{"role":"user","content":["SECRET"]}])", "invalid_type", "messages[0].content[0]");
  refused(R"([{"role":"user","content":[{"text":"SECRET"}]}])", "missing_required_parameter",
          "messages[0].content[0].type");
  refused(R"([{"role":"user","content":[{"type":"text"}]}])", "missing_required_parameter",
          "messages[0].content[0].text");
  refused(R"([{"role":"user","content":[{"type":"text","text":"SECRET"},{"type":"image_url","image_url":{}}]}])",
          "invalid_value", "messages[0].content[1].type", "is \"image_url\", expected \"text\"");
  refused(R"([{"role":"assistant","content":"SECRET","tool_calls":[{"id":"x"}]}])", "unsupported_parameter",
          "messages[0].tool_calls");
  std::string many = "[";
  for (int i = 0; i < 1025; ++i) many += std::string(i ? "," : "") + R"({"role":"user","content":"a"})";
  refused(many + "]", "invalid_value", "messages", "a list of 1025");
}

TEST(CompletionRequests, TakeStringsIdsAndListsOfEither) {
  const auto prompts = [](const std::string& prompt) { return completion("{\"prompt\":" + prompt + "}").prompts; };
  EXPECT_EQ(std::get<std::string>(prompts("\"\"").at(0)), "");
  EXPECT_EQ(std::get<TokenIds>(prompts("[1,2.0,9]").at(0)), (TokenIds{1, 2, 9}));
  const auto mixed = prompts(R"(["a",[3,4],"b"])");
  ASSERT_EQ(mixed.size(), 3u);
  EXPECT_EQ(std::get<TokenIds>(mixed[1]), (TokenIds{3, 4}));
  EXPECT_EQ(std::get<std::string>(mixed[2]), "b");
}

TEST(CompletionRequests, SayWhichPromptIsWrong) {
  const auto refused = [](const std::string& prompt, const std::string& code, const std::string& param,
                          const std::string& words = "") {
    SCOPED_TRACE(prompt.substr(0, 60));
    expect_refusal([&] { completion("{\"prompt\":" + prompt + "}"); }, 400, code, param, words);
  };
  expect_refusal([] { completion("{}"); }, 400, "missing_required_parameter", "prompt");
  refused("[]", "invalid_value", "prompt", "an empty list");
  refused("[[]]", "invalid_value", "prompt[0]", "an empty list");
  refused("[\"SECRET\",[]]", "invalid_value", "prompt[1]");
  refused("5", "invalid_type", "prompt");
  refused("{\"SECRET\":1}", "invalid_type", "prompt");
  refused("[1,\"SECRET\"]", "invalid_type", "prompt[1]", "is a string, expected an integer of 0 to 9");
  refused("[\"SECRET\",5]", "invalid_type", "prompt[1]");
  refused("[1,10]", "invalid_value", "prompt[1]", "is 10, expected 0 to 9");
  refused("[-1]", "invalid_value", "prompt[0]");
  refused("[\"SECRET\",[0,1.5]]", "invalid_type", "prompt[1][1]", "is 1.5");
  refused("[true]", "invalid_type", "prompt[0]");
  std::string many = "[\"a\"";
  for (int i = 0; i < 256; ++i) many += ",\"a\"";
  refused(many + "]", "invalid_value", "prompt", "a list of 257, expected at most 256");
}

TEST(Requests, KnowTheModelByEachOfItsNames) {
  EXPECT_NO_THROW(chat_with(R"("model":"toy")"));
  EXPECT_NO_THROW(chat_with(R"("model":"alias")"));
  expect_chat_refusal(R"("model":"gpt-4")", 404, "model_not_found", "model",
                      "is \"gpt-4\", expected what is served here: toy, alias");
  expect_completion_refusal(R"("model":"a SECRET one")", 404, "model_not_found", "model", "another text");
  expect_refused(R"("model":5)", "invalid_type", "model");
}

TEST(Requests, ReadTheNumberOfTokens) {
  EXPECT_EQ(chat_with(R"("max_tokens":5)").max_tokens, 5);
  EXPECT_EQ(chat_with(R"("max_tokens":5.0)").max_tokens, 5);
  EXPECT_EQ(chat_with(R"("max_tokens":5,"max_completion_tokens":6)").max_tokens, 6);
  EXPECT_EQ(chat_with(R"("max_completion_tokens":6,"max_tokens":1048576)").max_tokens, 6);
  EXPECT_EQ(completion_with("").max_tokens, 16);
  EXPECT_EQ(completion_with(R"("max_tokens":0,"echo":true)").max_tokens, 0);
  expect_completion_refusal(R"("max_tokens":0)", 400, "invalid_value", "max_tokens", "is 0, expected 1 to 1048576");
  expect_chat_refusal(R"("max_tokens":0,"echo":true)", 400, "invalid_value", "max_tokens");
  expect_refused(R"("max_tokens":-1)", "invalid_value", "max_tokens");
  expect_refused(R"("max_tokens":1048577)", "invalid_value", "max_tokens");
  expect_refused(R"("max_tokens":5.5)", "invalid_type", "max_tokens", "is 5.5, expected an integer of 1 to 1048576");
  expect_refused(R"("max_tokens":"5")", "invalid_type", "max_tokens");
  expect_refused(R"("max_tokens":true)", "invalid_type", "max_tokens");
  expect_refused(R"("max_tokens":1e300)", "invalid_value", "max_tokens");
  expect_refused(R"("max_tokens":5,"max_completion_tokens":0)", "invalid_value", "max_completion_tokens");
}

TEST(Requests, KeepToTheServersOwnLimitOfTokens) {
  ServerFacts facts = toy_facts();
  facts.max_tokens = 8;
  EXPECT_EQ(chat_with("", facts).max_tokens, 8);
  EXPECT_EQ(completion_with("", facts).max_tokens, 8);
  EXPECT_EQ(chat_with(R"("max_tokens":8)", facts).max_tokens, 8);
  expect_refusal([&] { chat_with(R"("max_tokens":9)", facts); }, 400, "invalid_value", "max_tokens", "at most 8");
}

TEST(Requests, ReadHowTokensAreDrawn) {
  const SamplingOptions sampling =
      chat_with(R"("temperature":0.5,"top_p":0.9,"min_p":0.1,"typical_p":0.8,"top_k":40,"repetition_penalty":1.5,
                  "presence_penalty":-1,"frequency_penalty":2,"seed":42,"logit_bias":{"3":-100,"0":1.5})")
          .sampling;
  EXPECT_EQ(sampling.temperature, 0.5f);
  EXPECT_EQ(sampling.top_p, 0.9f);
  EXPECT_EQ(sampling.min_p, 0.1f);
  EXPECT_EQ(sampling.typical_p, 0.8f);
  EXPECT_EQ(sampling.top_k, 40);
  EXPECT_EQ(sampling.repetition_penalty, 1.5f);
  EXPECT_EQ(sampling.presence_penalty, -1.0f);
  EXPECT_EQ(sampling.frequency_penalty, 2.0f);
  EXPECT_EQ(sampling.seed, 42u);
  EXPECT_EQ(sampling.logit_bias, (std::vector<std::pair<TokenId, float>>{{0, 1.5f}, {3, -100.0f}}));
  EXPECT_TRUE(chat_with(R"("temperature":0)").sampling.is_greedy());
  EXPECT_EQ(chat_with(R"("top_k":-1)").sampling.top_k, 0);
  for (const char* least : {R"("top_p":0)", R"("typical_p":1e-300)", R"("repetition_penalty":1e-300)"}) {
    const SamplingOptions smallest = chat_with(least).sampling;
    EXPECT_TRUE(smallest.top_p > 0 && smallest.typical_p > 0 && smallest.repetition_penalty > 0) << least;
  }
  EXPECT_EQ(chat_with(R"("repeat_penalty":2)").sampling.repetition_penalty, 2.0f);
  EXPECT_EQ(chat_with(R"("repeat_penalty":2,"repetition_penalty":3)").sampling.repetition_penalty, 3.0f);
}

TEST(Requests, RefuseNumbersOutOfRangeRatherThanClampThem) {
  const struct {
    const char *name, *beyond[2], *range;
  } numbers[] = {
      {"temperature", {"-0.1", "2.1"}, "0 to 2"},
      {"top_p", {"-0.1", "1.1"}, "0 to 1"},
      {"min_p", {"-1", "2"}, "0 to 1"},
      {"typical_p", {"0", "1.1"}, "above 0 and at most 1"},
      {"repetition_penalty", {"0", "10.5"}, "above 0 and at most 10"},
      {"repeat_penalty", {"-1", "11"}, "above 0 and at most 10"},
      {"presence_penalty", {"-2.1", "2.1"}, "-2 to 2"},
      {"frequency_penalty", {"-3", "3"}, "-2 to 2"},
      {"top_k", {"-2", "1048577"}, "-1 to 1048576"},
      {"n", {"0", "129"}, "1 to 128"},
      {"seed", {"-9223372036854775809", "9223372036854775808"}, "-9223372036854775808 to 9223372036854775807"},
  };
  for (const auto& number : numbers) {
    const std::string key = concat("\"", number.name, "\":");
    for (const char* value : number.beyond) expect_refused(key + value, "invalid_value", number.name, number.range);
    for (const char* value : {"\"1\"", "true", "[]", "{}"}) expect_refused(key + value, "invalid_type", number.name);
  }
  for (const char* integer : {"top_k", "n", "seed"})
    expect_refused(concat("\"", integer, "\":1.5"), "invalid_type", integer);
}

TEST(Requests, TakeEverySeedOf64Bits) {
  const auto seed = [](const std::string& value) { return int64_t(chat_with("\"seed\":" + value).sampling.seed); };
  EXPECT_EQ(seed("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(seed("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(seed("-1"), -1);
  EXPECT_EQ(seed("1e3"), 1000);
}

TEST(Requests, RefuseBiasesThatNameNoToken) {
  for (const char* key : {"10", "-1", "x", "", "+5", "05", "5.0", " 5", "99999999999999999999"})
    expect_refused(concat("\"logit_bias\":{\"", key, "\":1}"), "invalid_value", "logit_bias", "a token id of 0 to 9");
  expect_refused(R"("logit_bias":{"the SECRET":1})", "invalid_value", "logit_bias", "another text");
  expect_refused(R"("logit_bias":{"5":100.5})", "invalid_value", "logit_bias.5", "-100 to 100");
  expect_refused(R"("logit_bias":{"5":"1"})", "invalid_type", "logit_bias.5");
  expect_refused(R"("logit_bias":[])", "invalid_type", "logit_bias");
  std::string many = "\"logit_bias\":{\"a0\":0";
  for (int i = 1; i < 1025; ++i) many += ",\"a" + std::to_string(i) + "\":0";
  expect_refused(many + "}", "invalid_value", "logit_bias", "at most 1024");
}

TEST(Requests, ReadStopStrings) {
  EXPECT_EQ(chat_with(R"("stop":"\n")").stop, (std::vector<std::string>{"\n"}));
  EXPECT_EQ(chat_with(R"("stop":["a","b"])").stop.size(), 2u);
  EXPECT_TRUE(chat_with(R"("stop":[])").stop.empty());
  expect_refused(R"("stop":"")", "invalid_value", "stop", "a string of 0 bytes, expected 1 to 256");
  expect_refused(R"("stop":["a",""])", "invalid_value", "stop[1]");
  expect_refused("\"stop\":\"" + std::string(257, 'x') + "\"", "invalid_value", "stop");
  expect_refused(R"("stop":["a",5])", "invalid_type", "stop[1]");
  expect_refused(R"("stop":5)", "invalid_type", "stop");
  expect_refused(R"("stop":["a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a","a"])", "invalid_value",
                 "stop", "a list of 17");
}

TEST(Requests, CountRowsOverPromptsAndSamples) {
  EXPECT_EQ(completion(R"({"prompt":["a","b"],"n":128})").n, 128);
  expect_refusal([] { completion(R"({"prompt":["a","b","c"],"n":128})"); }, 400, "invalid_value", "n",
                 "128 for 3 prompts, expected at most 256 texts in all");
  EXPECT_EQ(completion_with(R"("n":2,"best_of":2)").n, 2);
  expect_completion_refusal(R"("n":2,"best_of":3)", 400, "invalid_value", "best_of", "is 3, expected 2");
  expect_completion_refusal(R"("best_of":2)", 400, "invalid_value", "best_of");
}

TEST(Requests, ReadWhichLogProbabilitiesAreWanted) {
  EXPECT_EQ(chat_with(R"("logprobs":true)").log_probs, 0u);
  EXPECT_EQ(chat_with(R"("logprobs":true,"top_logprobs":20)").log_probs, 20u);
  EXPECT_EQ(chat_with(R"("logprobs":false,"top_logprobs":0)").log_probs, std::nullopt);
  EXPECT_EQ(completion_with(R"("logprobs":0)").log_probs, 0u);
  EXPECT_EQ(completion_with(R"("logprobs":5)").log_probs, 5u);
  expect_chat_refusal(R"("top_logprobs":1)", 400, "invalid_value", "top_logprobs", "\"logprobs\": true");
  expect_chat_refusal(R"("logprobs":true,"top_logprobs":21)", 400, "invalid_value", "top_logprobs", "0 to 20");
  expect_chat_refusal(R"("logprobs":1)", 400, "invalid_type", "logprobs");
  expect_completion_refusal(R"("logprobs":true)", 400, "invalid_type", "logprobs");
  expect_completion_refusal(R"("logprobs":21)", 400, "invalid_value", "logprobs");
}

TEST(Requests, TakeStreamOptionsOnlyInStreams) {
  EXPECT_TRUE(chat_with(R"("stream":true,"stream_options":{"include_usage":true})").include_usage);
  EXPECT_FALSE(chat_with(R"("stream":true,"stream_options":{})").include_usage);
  expect_refused(R"("stream_options":{"include_usage":true})", "invalid_value", "stream_options", "\"stream\": true");
  expect_refused(R"("stream":true,"stream_options":{"include_usage":1})", "invalid_type",
                 "stream_options.include_usage");
  expect_refused(R"("stream":true,"stream_options":[])", "invalid_type", "stream_options");
}

TEST(Requests, TakeTrueAndFalseOnlyForSwitches) {
  for (const char* name : {"stream", "ignore_eos", "cache_prompt", "explain"})
    for (const char* value : {"1", "\"true\"", "[]"})
      expect_refused(concat("\"", name, "\":", value), "invalid_type", name, "expected true or false");
  expect_completion_refusal(R"("echo":1)", 400, "invalid_type", "echo");
  const GenerationRequest request =
      completion_with(R"("stream":true,"ignore_eos":true,"cache_prompt":false,"explain":true,"echo":true)");
  EXPECT_TRUE(request.stream && request.ignore_eos && !request.cache_prompt && request.explain && request.echo);
}

TEST(Requests, RefuseWhatWouldHaveToChangeTheAnswer) {
  for (const char* name : {"tools", "functions", "audio", "prediction", "web_search_options", "moderation",
                           "chat_template", "chat_template_kwargs", "response_format"}) {
    expect_refused(concat("\"", name, "\":{\"type\":\"SECRET\"}"), "unsupported_parameter", name);
    EXPECT_TRUE(chat_with(concat("\"", name, "\":{}")).ignored.empty());
  }
  expect_refused(R"("tools":[{"type":"function"}])", "unsupported_parameter", "tools");
  expect_refused(R"("chat_template":"{{ 1 }}")", "unsupported_parameter", "chat_template");
  expect_refused(R"("response_format":{"type":"json_object"})", "unsupported_parameter", "response_format");
  expect_refused(R"("modalities":["text","audio"])", "unsupported_parameter", "modalities");
  expect_completion_refusal(R"("suffix":"SECRET")", 400, "unsupported_parameter", "suffix");
  EXPECT_TRUE(completion_with(R"("suffix":"","tools":[],"response_format":{"type":"text"},"modalities":["text"])")
                  .ignored.empty());
}

TEST(Requests, NameWhatNobodyKnowsAndPassOverWhatHasNoEffect) {
  const GenerationRequest request = chat_with(
      R"("user":"SECRET","metadata":{"a":1},"store":true,"service_tier":"auto","safety_identifier":"x","prompt_cache_key":5,
         "detoks":0.5,"tool_choice":"none","stream":true,"stream_options":{"include_obfuscation":false},
         "detox":[{"name":"calm","strenght":1}],"guard":{"treshold":0.1})");
  EXPECT_EQ(request.ignored, (std::vector<std::string>{"stream_options.include_obfuscation", "detox[0].strenght",
                                                       "guard.treshold", "detoks", "tool_choice"}));
}

TEST(Requests, NameNoMoreUnknownMembersThanAPersonReads) {
  std::string members = "\"" + std::string(500, 'x') + "\":1";
  for (int i = 0; i < 100; ++i) members += ",\"a" + std::to_string(i) + "\":1";
  const GenerationRequest request = chat_with(members);
  EXPECT_EQ(request.ignored.size(), 64u);
  for (const std::string& name : request.ignored) EXPECT_LE(name.size(), 131u);
}

}  // namespace
}  // namespace limpid::server
