// Bodies made by code: each is refused once, with a status for the client's mistake and without its prompt.
#include <gtest/gtest.h>

#include <map>

#include "limpid/core/random.h"
#include "limpid/server/requests/prompt_ids.h"
#include "limpid/server/requests/tokenize.h"
#include "tests/server/server_facts.h"
#include "tests/server/toy_tokenizer.h"

namespace limpid::server {
namespace {

using testing::byte_tokenizer;
using testing::toy_facts;

enum class Route { Chat, Completion, Tokenize, Detokenize };

/// Does what a route does with a body before a model is asked.
void read(Route route, const std::string& body) {
  static const auto tokenizer = byte_tokenizer(testing::kToyTemplate);
  const ServerFacts facts = toy_facts();
  const Json json = read_strict_json(body);
  switch (route) {
    case Route::Chat: prompt_ids(read_chat_request(json, facts), *tokenizer, facts); break;
    case Route::Completion: prompt_ids(read_completion_request(json, facts), *tokenizer, facts); break;
    case Route::Tokenize: tokenize_body(json, *tokenizer, facts); break;
    case Route::Detokenize: detokenize_body(json, *tokenizer, facts); break;
  }
}

/// Returns whether the body was refused; looks at what the client is told.
bool is_refused(Route route, const std::string& body) {
  try {
    read(route, body);
    return false;
  } catch (const ApiError& error) {
    EXPECT_TRUE(error.status == 400 || error.status == 404) << error.what();
    const std::string text = error_body(error);
    EXPECT_EQ(text.find("SECRET"), std::string::npos) << text;
    const Json told = Json::parse(text)["error"];
    EXPECT_EQ(told.size(), 4u);
    EXPECT_EQ(told["type"], "invalid_request_error");
    EXPECT_LT(told["message"].get<std::string>().size(), 400u) << text;
    return true;
  }
}

const std::map<Route, std::string> kWellFormed = {
    {Route::Chat,
     R"({"model":"toy","messages":[{"role":"user","content":"a SECRET"},{"role":"assistant","content":[{"type":"text","text":"b"}]}],)"
     R"("max_tokens":5,"temperature":0.5,"top_p":0.9,"seed":-1,"logit_bias":{"3":-1e1},"stop":["\u00e9"],"detox":[{"name":"calm","strength":0.7}]})"},
    {Route::Completion, R"({"prompt":["a SECRET",[1,2]],"n":2,"stream":true,"stream_options":{"include_usage":true}})"},
    {Route::Tokenize, R"({"content":"a SECRET","with_pieces":true})"},
    {Route::Detokenize, R"({"tokens":[97,257]})"}};

TEST(MalformedBodies, CutAnywhereAreRefused) {
  size_t bodies = 0;
  for (const auto& [route, body] : kWellFormed) {
    ASSERT_FALSE(is_refused(route, body));
    for (size_t end = 0; end < body.size(); ++end, ++bodies) EXPECT_TRUE(is_refused(route, body.substr(0, end))) << end;
  }
  EXPECT_GE(bodies, 400u);
}

TEST(MalformedBodies, WithAByteTooManyAnywhereAreRefused) {
  for (const auto& [route, body] : kWellFormed)
    for (size_t at = 0; at <= body.size(); ++at)
      for (const char byte : {'\0', '\x01', '\xff', '\xc3'})
        EXPECT_TRUE(is_refused(route, std::string(body).insert(at, 1, byte))) << at << " " << int(byte);
}

TEST(MalformedBodies, WithMembersOfEveryWrongKindAreRefused) {
  const std::map<std::string, std::vector<const char*>> wrong = {
      {"model", {"0", "true", "[]", "{}", "\"\"", "\"SECRET one\""}},
      {"max_tokens", {"0", "-1", "1.5", "1e99", "\"5\"", "true", "[5]", "{}"}},
      {"max_completion_tokens", {"0", "-1", "1.5", "18446744073709551616", "\"5\"", "false", "[]"}},
      {"temperature", {"-0.001", "2.001", "1e308", "\"SECRET\"", "true", "[]", "{}"}},
      {"top_p", {"-1", "1.0001", "\"1\"", "true", "{}"}},
      {"min_p", {"-1", "1.0001", "\"1\"", "true", "{}"}},
      {"typical_p", {"0", "1.0001", "\"1\"", "true", "{}"}},
      {"top_k", {"-2", "0.5", "1e7", "\"1\"", "true"}},
      {"repetition_penalty", {"0", "-1", "10.1", "\"1\"", "[]"}},
      {"presence_penalty", {"-2.1", "2.1", "\"1\"", "[]"}},
      {"frequency_penalty", {"-2.1", "2.1", "\"1\"", "[]"}},
      {"seed", {"0.5", "1e19", "\"1\"", "true", "[]"}},
      {"n", {"0", "129", "-5", "1.5", "\"1\"", "true"}},
      {"stop", {"\"\"", "[\"\"]", "5", "{}", "[[\"a\"]]", "[null]", "true"}},
      {"logit_bias",
       {"[]", "\"SECRET\"", "{\"SECRET text\":1}", "{\"5\":101}", "{\"5\":\"1\"}", "{\"-1\":1}", "{\"5\":null}"}},
      {"stream", {"0", "\"true\"", "[]"}},
      {"stream_options", {"{}", "5", "[]"}},
      {"ignore_eos", {"0", "\"true\""}},
      {"cache_prompt", {"0", "\"true\""}},
      {"explain", {"0", "\"true\"", "{}"}},
      {"detox",
       {"11", "-1", "\"calm\"", "{}", "[5]", "[{}]", "[{\"name\":\"SECRET text\"}]",
        "[{\"name\":\"calm\"},{\"name\":\"calm\"}]", "[null]", "[{\"name\":\"heat\",\"strength\":1}]"}},
      {"guard", {"5", "\"on\"", "[]", "{\"threshold\":2}", "{\"rewinds\":9}", "{\"rewinds\":\"1\"}"}},
      {"tools", {"[1]", "{\"a\":1}", "\"SECRET\"", "5", "true"}},
      {"functions", {"[1]"}},
      {"response_format", {"\"SECRET\"", "{\"type\":\"json_schema\"}", "5", "[]"}},
      {"audio", {"{\"voice\":\"SECRET\"}"}},
      {"chat_template", {"\"SECRET\""}},
      {"moderation", {"true"}}};
  for (const auto& [name, values] : wrong)
    for (const char* value : values) {
      const std::string members = concat("\"", name, "\":", value, "}");
      SCOPED_TRACE(members);
      EXPECT_TRUE(is_refused(Route::Chat, R"({"messages":[{"role":"user","content":"SECRET"}],)" + members));
      EXPECT_TRUE(is_refused(Route::Completion, R"({"prompt":"SECRET",)" + members));
    }
}

/// Returns a JSON value of random form whose texts are words of requests.
Json random_value(RandomStream& random, int depth) {
  static const std::vector<std::string> words = {"messages",   "role", "user",   "content",  "prompt", "detox", "name",
                                                 "calm",       "type", "text",   "strength", "guard",  "stop",  "n",
                                                 "logit_bias", "5",    "stream", "a SECRET", "",       "toy"};
  const auto word = [&] { return words[random.next_below(words.size())]; };
  switch (random.next_below(depth > 0 ? 9 : 6)) {
    case 0: return nullptr;
    case 1: return random.next_below(2) == 0;
    case 2: return int64_t(random.next_below(300)) - 20;
    case 3: return random.next_normal();
    case 4: return uint64_t(random.next_u32()) << random.next_below(33);
    case 5: return word();
    case 6:
    case 7: {
      Json object = Json::object();
      for (uint64_t i = random.next_below(6); i > 0; --i) object[word()] = random_value(random, depth - 1);
      return object;
    }
    default: {
      Json list = Json::array();
      for (uint64_t i = random.next_below(5); i > 0; --i) list.push_back(random_value(random, depth - 1));
      return list;
    }
  }
}

TEST(RandomBodies, AreReadOrRefused) {
  RandomStream random(1);
  size_t refused = 0;
  for (int i = 0; i < 5000; ++i) {
    Json body = random_value(random, 5);
    if (!body.is_object()) body = Json::object();
    if (i % 2) body["prompt"] = "SECRET";
    if (i % 3) body["messages"] = Json::parse(R"([{"role":"user","content":"SECRET"}])");
    for (const Route route : {Route::Chat, Route::Completion, Route::Tokenize, Route::Detokenize})
      refused += is_refused(route, body.dump());
  }
  EXPECT_GT(refused, 1000u);
  EXPECT_LT(refused, 19'000u) << "some are right";
}

}  // namespace
}  // namespace limpid::server
