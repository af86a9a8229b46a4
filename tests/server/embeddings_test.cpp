#include "limpid/server/requests/embeddings.h"

#include <gtest/gtest.h>

#include <cstring>

#include "limpid/tokenizers/base64.h"
#include "tests/server/fake_scoring.h"
#include "tests/server/server_facts.h"

namespace limpid::server {
namespace {

using testing::expect_refusal;
using testing_support::FakeEmbedder;
using Ids = std::vector<TokenIds>;

EmbeddingRequest embedding(const std::string& body) {
  return read_embedding_request(read_strict_json(body), FakeEmbedder());
}
void refused(const std::string& body, int status, const std::string& code, const std::string& param,
             const std::string& words = "") {
  SCOPED_TRACE(body.substr(0, 200));
  expect_refusal([&] { embedding(body); }, status, code, param, words);
}

TEST(EmbeddingRequest, TakesATextIdsOrAListOfEither) {
  EXPECT_EQ(embedding(R"({"input":"ab"})").texts, (Ids{{97, 98}}));
  EXPECT_EQ(embedding(R"({"input":[1,2]})").texts, (Ids{{1, 2}}));
  EXPECT_EQ(embedding(R"({"input":["a","b"]})").texts, (Ids{{97}, {98}}));
  EXPECT_EQ(embedding(R"({"input":[[1,2],"b",[3]]})").texts, (Ids{{1, 2}, {98}, {3}}));
  EXPECT_EQ(embedding(R"({"input":["ab","c"]})").tokens, 3);
}

TEST(EmbeddingRequest, RefusesOtherInputs) {
  refused("{}", 400, "missing_required_parameter", "input");
  refused(R"({"input":true})", 400, "invalid_type", "input");
  refused(R"({"input":""})", 400, "invalid_value", "input");
  refused(R"({"input":[]})", 400, "invalid_value", "input");
  refused(R"({"input":["a",""]})", 400, "invalid_value", "input[1]");
  refused(R"({"input":["a",[]]})", 400, "invalid_value", "input[1]");
  refused(R"({"input":["a",5]})", 400, "invalid_type", "input[1]");
  refused(R"({"input":[{"text":"SECRET"}]})", 400, "invalid_type", "input[0]");
  refused(R"({"input":[5,128]})", 400, "invalid_value", "input[1]", "0 to 127");
  refused(R"({"input":[[5,-1]]})", 400, "invalid_value", "input[0][1]");
  refused(R"({"input":[5,"SECRET"]})", 400, "invalid_type", "input[1]");
}

TEST(EmbeddingRequest, RefusesTextsThatAreLongerThanTheEncoderReads) {
  EXPECT_EQ(embedding(R"({"input":"aaaaaaaa"})").tokens, 8);
  refused(R"({"input":"SECRETaaa"})", 400, "context_length_exceeded", "input", "9 tokens, expected at most 8");
  refused(R"({"input":["a","SECRETaaa"]})", 400, "context_length_exceeded", "input[1]");
  refused(R"({"input":[1,1,1,1,1,1,1,1,1]})", 400, "context_length_exceeded", "input");
}

TEST(EmbeddingRequest, HasAtMost256Texts) {
  const auto list = [](size_t count) {
    std::string body = R"({"input":["a")";
    for (size_t i = 1; i < count; ++i) body += ",\"a\"";
    return body + "]}";
  };
  EXPECT_EQ(embedding(list(256)).texts.size(), 256u);
  refused(list(257), 400, "invalid_value", "input", "257");
}

TEST(EmbeddingRequest, HasTheEncodersNameAndWidthOrNone) {
  EXPECT_NO_THROW(embedding(R"({"input":"a","model":"tiny","dimensions":2,"encoding_format":"float","user":"u"})"));
  EXPECT_NO_THROW(embedding(R"({"input":"a","model":null,"dimensions":2.0,"encoding_format":null})"));
  refused(R"({"input":"a","model":"text-embedding-3-small"})", 404, "model_not_found", "model", "\"tiny\"");
  refused(R"({"input":"a","dimensions":1})", 400, "invalid_value", "dimensions", "2");
  refused(R"({"input":"a","dimensions":0})", 400, "invalid_value", "dimensions");
  refused(R"({"input":"a","dimensions":"2"})", 400, "invalid_type", "dimensions");
  refused(R"({"input":"a","encoding_format":"hex"})", 400, "invalid_value", "encoding_format", "hex");
  refused(R"({"input":"a","encoding_format":1})", 400, "invalid_type", "encoding_format");
}

TEST(EmbeddingAnswer, HasNumbersInTheFewestDigits) {
  EXPECT_EQ(embedding_body(embedding(R"({"input":["ab","b"]})"), {{0.6f, 0.8f}, {0.6f, -0.8f}}, FakeEmbedder()),
            R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.6,0.8]},)"
            R"({"object":"embedding","index":1,"embedding":[0.6,-0.8]}],"model":"tiny",)"
            R"("usage":{"prompt_tokens":3,"total_tokens":3}})");
}

TEST(EmbeddingAnswer, HasBase64OfLittleEndianFloat32) {
  const Json body = Json::parse(
      embedding_body(embedding(R"({"input":"a","encoding_format":"base64","x":1})"), {{1.0f, -0.1f}}, FakeEmbedder()));
  EXPECT_EQ(body["data"][0]["embedding"], "AACAP83MzL0=");
  EXPECT_EQ(body["limpid"]["ignored"], Json{"x"});
  const std::string bytes = *decode_base64(body["data"][0]["embedding"].get<std::string>());
  ASSERT_EQ(bytes.size(), 8u);
  float second;
  std::memcpy(&second, bytes.data() + 4, 4);
  EXPECT_EQ(second, -0.1f);
}

}  // namespace
}  // namespace limpid::server
