#include "limpid/server/responses/listings.h"

#include <gtest/gtest.h>

#include "limpid/server/requests/tokenize.h"
#include "tests/server/server_facts.h"
#include "tests/server/toy_tokenizer.h"

namespace limpid::server {
namespace {

using testing::byte_tokenizer;
using testing::expect_refusal;
using testing::kToyTemplate;
using testing::toy_facts;

constexpr const char* kModel =
    R"("object":"model","created":1790000000,"owned_by":"limpid","max_model_len":64,"meta":{"n_vocab":10,"n_ctx_train":128,)"
    R"("n_embd":8,"n_params":1000,"size":4000}})";
constexpr const char* kCalm =
    R"({"id":"calm","object":"detoxifier","method":"fusion/contrast","default":true,"strength":0.5,"range":[0,10],)"
    R"("meaning":"weight of the contrast","file":"calm.detox.safetensors","sha256":"ab12"})";

TEST(Models, AreListedUnderEachOfTheirNames) {
  const std::string toy = std::string(R"({"id":"toy",)") + kModel, alias = std::string(R"({"id":"alias",)") + kModel;
  EXPECT_EQ(models_body(toy_facts()), R"({"object":"list","data":[)" + toy + "," + alias + "]}");
  EXPECT_EQ(model_body("alias", toy_facts()), alias);
  expect_refusal([] { model_body("gpt-4", toy_facts()); }, 404, "model_not_found", "(none)", "toy, alias");
}

TEST(Detoxifiers, AreListedInTheServersOrderOfWhichTheFirstIsTheDefault) {
  const std::string heat =
      R"({"id":"heat","object":"detoxifier","method":"control:temperature","default":false,"strength":0.0,"range":[0,0.99],)"
      R"("meaning":"share","file":null,"sha256":null})";
  EXPECT_EQ(detoxifiers_body(toy_facts()), std::string(R"({"object":"list","data":[)") + kCalm + "," + heat + "]}");
  EXPECT_EQ(detoxifier_body("calm", toy_facts()), kCalm);
  expect_refusal([] { detoxifier_body("x", toy_facts()); }, 404, "detoxifier_not_found", "(none)", "calm, heat");
  ServerFacts none = toy_facts();
  none.detoxifiers.clear();
  EXPECT_EQ(detoxifiers_body(none), R"({"object":"list","data":[]})");
}

std::string tokenized(const std::string& body) {
  return tokenize_body(read_strict_json(body), *byte_tokenizer(kToyTemplate), toy_facts());
}
std::string detokenized(const std::string& body) {
  return detokenize_body(read_strict_json(body), *byte_tokenizer(kToyTemplate), toy_facts());
}

TEST(Tokenize, SpeaksBothDialects) {
  const std::string ab = R"({"tokens":[97,98],"count":2,"max_model_len":64})";
  EXPECT_EQ(tokenized(R"({"content":"ab"})"), ab);
  EXPECT_EQ(tokenized(R"({"content":"ab","add_special":true})"), ab);
  EXPECT_EQ(tokenized(R"({"prompt":"ab","model":"toy","add_special_tokens":false})"), ab);
  EXPECT_EQ(tokenized(R"({"content":""})"), R"({"tokens":[],"count":0,"max_model_len":64})");
  EXPECT_EQ(tokenized(R"({"messages":[{"role":"user","content":"a"}]})").substr(0, 16), R"({"tokens":[256,1)");
}

TEST(Tokenize, ShowsPiecesAsBytesWhereTheyAreNoText) {
  EXPECT_EQ(
      tokenized(R"({"content":"a\u00e9<|end|>","with_pieces":true})"),
      R"({"tokens":[{"id":97,"piece":"a"},{"id":195,"piece":[195]},{"id":169,"piece":[169]},{"id":257,"piece":"<|end|>"}],)"
      R"("count":4,"max_model_len":64})");
}

TEST(Tokenize, SaysWhatIsWrong) {
  expect_refusal([] { tokenized("{}"); }, 400, "missing_required_parameter", "content");
  expect_refusal([] { tokenized(R"({"content":5})"); }, 400, "invalid_type", "content");
  expect_refusal([] { tokenized(R"({"content":"SECRET","prompt":"SECRET"})"); }, 400, "invalid_value", "prompt");
  expect_refusal([] { tokenized(R"({"content":"SECRET","with_pieces":1})"); }, 400, "invalid_type", "with_pieces");
  expect_refusal([] { tokenized(R"({"content":"SECRET","model":"x"})"); }, 404, "model_not_found", "model");
  expect_refusal([] { tokenized("{\"content\":\"" + std::string(262'145, 'x') + "\"}"); }, 400, "invalid_value",
                 "content", "262145 tokens, expected at most 262144");
  const std::string long_text((1 << 20) + 1, 'x');
  expect_refusal([&] { tokenized("{\"prompt\":\"" + long_text + "\"}"); }, 400, "invalid_value", "prompt",
                 "1048577 bytes");
  expect_refusal([&] { tokenized(R"({"messages":[{"role":"user","content":")" + long_text + "\"}]}"); }, 400,
                 "invalid_value", "messages", "1048577 bytes");
}

TEST(Detokenize, GivesTheTextUnderBothNames) {
  EXPECT_EQ(detokenized(R"({"tokens":[256,97,195,169,257]})"),
            R"({"content":"<|start|>aé<|end|>","prompt":"<|start|>aé<|end|>"})");
  EXPECT_EQ(detokenized(R"({"tokens":[]})"), R"({"content":"","prompt":""})");
}

TEST(Detokenize, RefusesIdsOutsideTheVocabulary) {
  expect_refusal([] { detokenized(R"({"tokens":[97,258]})"); }, 400, "invalid_value", "tokens[1]",
                 "is 258, expected 0 to 257");
  expect_refusal([] { detokenized(R"({"tokens":[-1]})"); }, 400, "invalid_value", "tokens[0]");
  expect_refusal([] { detokenized(R"({"tokens":[18446744073709551615]})"); }, 400, "invalid_value", "tokens[0]");
  expect_refusal([] { detokenized(R"({"tokens":["SECRET"]})"); }, 400, "invalid_type", "tokens[0]");
  expect_refusal([] { detokenized(R"({"tokens":"SECRET"})"); }, 400, "invalid_type", "tokens");
  expect_refusal([] { detokenized("{}"); }, 400, "missing_required_parameter", "tokens");
}

}  // namespace
}  // namespace limpid::server
