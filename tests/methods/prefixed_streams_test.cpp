#include "limpid/methods/prefixed_streams.h"

#include "tests/methods/method_checks.h"

namespace limpid {
namespace {

using testing_support::kToyPrompt;
using testing_support::message_of;
using testing_support::open_exact;
using testing_support::state_of;
using testing_support::TempDir;
using testing_support::ToyFamilies;
using testing_support::write_toy_llama;

Row row_of(RowId id, TokenIds prompt, TokenIds new_ids = {}) {
  Row row{id, {}, std::move(new_ids)};
  row.request.prompt_ids = std::move(prompt);
  return row;
}

torch::Tensor states(PrefixedStreams& streams, const std::vector<Row>& rows) {
  std::vector<const Row*> pointers;
  for (const Row& row : rows) pointers.push_back(&row);
  return streams.states({pointers, {}, nullptr, {}});
}

TokenIds joined(TokenIds a, const TokenIds& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(PrefixedStreams, ReadPrefixAndTextAsOneSequenceAndFollowTheRow) {
  const ToyFamilies toys;
  const TokenIds prefixes[] = {{}, {40, 41, 42}, {7}};
  for (const auto& [family, model] : toys.all()) {
    SCOPED_TRACE(family);
    PrefixedStreams streams(*model, {std::begin(prefixes), std::end(prefixes)}, /*keep_heads=*/true);
    for (RowId id : {0, 1, 9}) streams.admit(id);
    const std::vector<Row> steps[] = {{row_of(0, {5, 6}), row_of(9, kToyPrompt), row_of(1, {100})},
                                      {row_of(0, {5, 6}, {8}), row_of(9, kToyPrompt, {3}), row_of(1, {100}, {2})},
                                      {row_of(0, {5, 6}, {8, 1, 2}), row_of(9, kToyPrompt)}};  // row 9 went back
    for (const auto& rows : steps) {
      const torch::Tensor found = states(streams, rows);
      ASSERT_EQ(found.size(0), int64_t(rows.size() * 3));
      for (size_t r = 0; r < rows.size(); ++r)
        for (size_t p = 0; p < 3; ++p)
          EXPECT_TRUE(torch::allclose(found[int64_t(r * 3 + p)],
                                      state_of(*model, joined(prefixes[p], rows[r].history()))[0], 1e-5, 1e-5));
    }
    EXPECT_FALSE(torch::equal(streams.heads(9, 0), streams.heads(9, 1)));
    EXPECT_EQ(streams.prefix_heads(1).sizes(), (std::vector<int64_t>{2, 32}));
  }
}

TEST(PrefixedStreams, ForkGoesItsOwnWay) {
  const ToyFamilies toys;
  const auto& model = toys.at("llama");
  PrefixedStreams streams(*model, {{40, 41}});
  streams.admit(1);
  states(streams, {row_of(1, kToyPrompt)});
  streams.fork(row_of(1, {}).id, 2);
  const torch::Tensor both = states(streams, {row_of(1, kToyPrompt, {3}), row_of(2, kToyPrompt, {4})});
  EXPECT_TRUE(torch::allclose(both[0], state_of(*model, joined({40, 41}, joined(kToyPrompt, {3})))[0], 1e-5, 1e-5));
  EXPECT_TRUE(torch::allclose(both[1], state_of(*model, joined({40, 41}, joined(kToyPrompt, {4})))[0], 1e-5, 1e-5));
}

TEST(PrefixedStreams, TextLosesItsBeginningTokenBehindAPrefixWhereTheTokenizerPutsOne) {
  const TempDir folder;
  const fs::path path = write_toy_llama(folder.path() / "plain", {});
  const auto plain = open_exact(path);
  Json tokenizer = read_json(path / "tokenizer.json");
  tokenizer["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "<|end|>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
      {"pair", Json::array()},
      {"special_tokens", {{"<|end|>", {{"id", "<|end|>"}, {"ids", {0}}, {"tokens", {"<|end|>"}}}}}}};
  write_file(path / "tokenizer.json", to_text(tokenizer));
  write_file(path / "tokenizer_config.json", R"({"bos_token": "<|end|>", "add_bos_token": true})");
  const auto beginning = open_exact(path);
  ASSERT_TRUE(beginning->tokenizer()->adds_bos());
  const TokenIds prefix = encode_prefixes(*beginning, {"ab"}, "").front(), text = {0, 20, 31};
  EXPECT_EQ(prefix.front(), 0);
  PrefixedStreams streams(*beginning, {prefix, {}});
  streams.admit(1);
  const torch::Tensor found = states(streams, {row_of(1, text)});
  EXPECT_TRUE(torch::allclose(found[0], state_of(*plain, joined(prefix, {20, 31}))[0], 1e-5, 1e-5));
  EXPECT_TRUE(torch::allclose(found[1], state_of(*plain, text)[0], 1e-5, 1e-5));

  PrefixedStreams kept(*plain, {prefix});  // a tokenizer that puts none: the token is the text's own
  kept.admit(1);
  EXPECT_TRUE(
      torch::allclose(states(kept, {row_of(1, text)})[0], state_of(*plain, joined(prefix, text))[0], 1e-5, 1e-5));
}

TEST(PrefixedStreams, ManyLongTextsAreReadInSeveralPassesWithTheSameBits) {
  const ToyFamilies toys;
  const auto& model = toys.at("llama");
  PrefixedStreams streams(*model, {{}, {1, 2, 3, 4}});
  std::vector<Row> rows;
  for (RowId id = 0; id < 30; ++id) {
    rows.push_back(row_of(id, TokenIds(100, TokenId(id + 1))));  // 30 * 204 tokens
    streams.admit(id);
  }
  const torch::Tensor together = states(streams, rows);
  for (size_t r : {0u, 17u, 29u}) {
    PrefixedStreams alone(*model, {{}, {1, 2, 3, 4}});
    alone.admit(rows[r].id);
    EXPECT_TRUE(torch::equal(states(alone, {rows[r]}), together.narrow(0, int64_t(2 * r), 2)));
  }
}

TEST(PrefixedStreams, TextThatDoesNotFitBehindThePrefixIsRefusedWithTheLimit) {
  const ToyFamilies toys;
  PrefixedStreams streams(*toys.at("gpt2"), {TokenIds(100, 5)});
  streams.admit(1);
  EXPECT_NE(message_of([&] { states(streams, {row_of(1, TokenIds(40, 6))}); }).find("128"), std::string::npos);
}

TEST(EncodePrefixes, ModelWithoutTokenizerSaysSo) {
  const TempDir folder;
  const auto model = open_exact(write_toy_llama(folder.path() / "m", {.tokenizer = false}));
  EXPECT_NE(message_of([&] { encode_prefixes(*model, {"a"}, "[here] "); }).find("[here] the target has no tokenizer"),
            std::string::npos);
}

}  // namespace
}  // namespace limpid
