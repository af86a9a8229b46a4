#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "limpid/server/api_error.h"
#include "limpid/server/facts.h"
#include "limpid/server/json/strict_json.h"
#include "limpid/server/requests/generation_request.h"

/// A server with one model of ten tokens and two detoxifiers.
namespace limpid::server::testing {

inline ServerFacts toy_facts() {
  ServerFacts facts;
  facts.names = {"toy", "alias"};
  facts.created = 1790000000;
  facts.fingerprint = "lp_1";
  facts.vocabulary = 10;
  facts.context = 64;
  facts.trained_context = 128, facts.width = 8, facts.parameters = 1000, facts.file_bytes = 4000;
  facts.has_chat_template = true;
  facts.text_beginning = 7;
  facts.detoxifiers = {
      {"calm", "fusion/contrast", "weight of the contrast", "calm.detox.safetensors", "ab12", 0.5f, {0, 10}},
      {"heat", "control:temperature", "share", "", "", 0.0f, {0, 0.99}}};
  facts.guard.available = true;
  facts.guard.threshold = 0.49;
  return facts;
}

inline GenerationRequest chat(const std::string& body, const ServerFacts& facts = toy_facts()) {
  return read_chat_request(read_strict_json(body), facts);
}
inline GenerationRequest completion(const std::string& body, const ServerFacts& facts = toy_facts()) {
  return read_completion_request(read_strict_json(body), facts);
}

/// Returns members added to the smallest request of a kind.
inline GenerationRequest chat_with(const std::string& members, const ServerFacts& facts = toy_facts()) {
  return chat(R"({"messages":[{"role":"user","content":"SECRET"}])" + (members.empty() ? "" : "," + members) + "}",
              facts);
}
inline GenerationRequest completion_with(const std::string& members, const ServerFacts& facts = toy_facts()) {
  return completion(R"({"prompt":"SECRET")" + (members.empty() ? "" : "," + members) + "}", facts);
}

struct Refusal {
  int status = 0;
  std::string code, param, message;
};

/// Returns what a call was refused with; its message is one line without the prompt.
inline Refusal refusal_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const ApiError& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find("SECRET"), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_FALSE(message.empty());
    return {error.status, error.code, error.param.value_or("(none)"), message};
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

inline void expect_refusal(const std::function<void()>& call, int status, const std::string& code,
                           const std::string& param, const std::string& words = "") {
  const Refusal refusal = refusal_of(call);
  EXPECT_EQ(refusal.status, status) << refusal.message;
  EXPECT_EQ(refusal.code, code) << refusal.message;
  EXPECT_EQ(refusal.param, param) << refusal.message;
  EXPECT_NE(refusal.message.find(words), std::string::npos) << refusal.message << "\nexpected: " << words;
}

}  // namespace limpid::server::testing
