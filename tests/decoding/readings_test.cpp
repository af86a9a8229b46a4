#include "limpid/decoding/readings.h"

#include "limpid/core/json.h"
#include "limpid/decoding/generator.h"
#include "limpid/decoding/kl_probe.h"
#include "limpid/decoding/prompts.h"
#include "tests/methods/toy_models.h"
#include "tests/support/fixtures.h"
#include "tests/support/reading_session.h"
#include "tests/support/tiny_model.h"

namespace limpid {
namespace {

using namespace testing_support;

const TokenIds kPrompt = {20, 31, 5, 77, 92, 9, 14};

Tensor state_of(const Model& model, const TokenIds& ids) {
  nn::KvCache cache = model.make_cache();
  const nn::Sequence sequence{&cache, ids};
  nn::Pass pass({&sequence, 1});
  return model.final_state(pass, Outputs::Last)[0];
}

TokenIds joined(TokenIds a, const TokenIds& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

void expect_close(const Tensor& a, const Tensor& b) { EXPECT_LT((a - b).abs().max().item<double>(), 1e-5); }

TEST(Readings, ReadPrefixAndTextAsOneSequenceAndFollowTheRow) {
  const auto model = tiny_model();
  const std::vector<TokenIds> prefixes = {{}, {40, 41, 42}, {7}};
  ReadingBench bench(model, {{.model = model, .prefixes = prefixes}});
  ActiveRow first = bench.row({5, 6}), second = bench.row(kPrompt), third = bench.row({90});
  const auto expect_states = [&](std::vector<ActiveRow*> rows) {
    const Tensor states = bench.states(rows);
    ASSERT_EQ(states.size(0), int64_t(rows.size() * 3));
    for (size_t r = 0; r < rows.size(); ++r)
      for (size_t p = 0; p < 3; ++p)
        expect_close(states[int64_t(r * 3 + p)], state_of(*model, joined(prefixes[p], rows[r]->row.history())));
  };
  expect_states({&first, &second, &third});
  first.row.new_ids = {8};
  second.row.new_ids = {3};
  third.row.new_ids = {2};
  expect_states({&third, &first, &second});
  first.row.new_ids = {8, 1, 2};
  second.row.new_ids = {};  // went back
  expect_states({&first, &second});
}

TEST(Readings, GoBackToTheLastCommonTokenAndReadOnlyTheRest) {
  const auto target = tiny_model(1), helper = tiny_model(2);
  ReadingBench bench(target, {{.model = helper}});
  ActiveRow row = bench.row(kPrompt, {1, 2, 3});
  bench.states({&row});
  EXPECT_EQ(bench.tokens_read(), kPrompt.size() + 3);
  row.row.new_ids = {1, 60, 61};
  expect_close(bench.states({&row})[0], state_of(*helper, row.row.history()));
  EXPECT_EQ(bench.tokens_read(), kPrompt.size() + 5);
  row.row.new_ids = {1, 60};
  expect_close(bench.states({&row})[0], state_of(*helper, row.row.history()));
  EXPECT_EQ(bench.tokens_read(), kPrompt.size() + 6);  // the last id of a shorter text is read again
  bench.states({&row});
  EXPECT_EQ(bench.tokens_read(), kPrompt.size() + 6);  // an equal text costs nothing
}

TEST(Readings, AForkGoesItsOwnWayAndAPrefixIsReadOnce) {
  const auto model = tiny_model();
  ReadingBench bench(model, {{.model = model, .prefixes = {{40, 41}}}});
  EXPECT_EQ(bench.tokens_read(), 2u);
  ActiveRow row = bench.row(kPrompt);
  bench.states({&row});
  ActiveRow fork = row;
  row.row.new_ids = {3};
  fork.row.new_ids = {4};
  const Tensor states = bench.states({&row, &fork});
  expect_close(states[0], state_of(*model, joined({40, 41}, row.row.history())));
  expect_close(states[1], state_of(*model, joined({40, 41}, fork.row.history())));
  EXPECT_EQ(bench.tokens_read(), 2 + kPrompt.size() + 2);
}

/// Doubles what the blocks put out and adds 1 to their first attention projections.
class DoublingHook final : public ActivationHook {
 public:
  bool listens(Site site, int64_t) const override { return site == Site::LayerOutput; }
  void activations(Site, int64_t, const nn::Pass& pass, Tensor& x) override {
    EXPECT_EQ(x.size(0), pass.size());
    x = x * 2;
  }
  bool listens(Projection projection, int64_t layer) const override {
    return projection == Projection::AttentionOutput && layer == 0;
  }
  void projected(Projection, int64_t, const nn::Pass& pass, const Tensor& x, Tensor& y) override {
    EXPECT_EQ(x.size(0), pass.size());
    y += 1;
  }
};

class Silent final : public ActivationHook {
 public:
  bool listens(Site, int64_t) const override { return false; }
  void activations(Site, int64_t, const nn::Pass&, Tensor&) override {}
};

TEST(Readings, HaveTheSameBitsInThePassOfTheRowsAndAlone) {
  const auto model = tiny_model();
  const auto change = std::make_shared<DoublingHook>();
  const auto run = [&](bool alone) {
    Silent observer;
    ReadingBench bench(model,
                       {{.model = model, .change = change, .prefixes = {{}, {7, 8}}, .heads = true}, {.model = model}});
    ActiveRow first = bench.row({5, 6}), second = bench.row(kPrompt);
    bench.states({&first, &second}, alone ? &observer : nullptr);
    std::vector<Tensor> results = {bench.kept()[0].states, bench.kept()[1].states};
    for (const ActiveRow* row : {&first, &second})
      for (size_t stream : {0u, 1u}) results.push_back(row->texts[stream]->heads);
    return results;
  };
  const auto alone = run(true), beside = run(false);
  for (size_t i = 0; i < alone.size(); ++i) EXPECT_TRUE(torch::equal(alone[i], beside[i])) << i;
  expect_close(beside[1][0], state_of(*model, {5, 6}));  // the change acts on its own texts only
  EXPECT_FALSE(torch::allclose(beside[0][0], beside[1][0], 1e-2, 1e-2));
  EXPECT_EQ(beside[2].sizes(), (std::vector<int64_t>{2, 32}));
  EXPECT_FALSE(torch::equal(beside[2], beside[3]));
}

TEST(Readings, ManyLongTextsAreReadInSeveralPassesWithTheSameBits) {
  const auto model = tiny_model();
  ReadingBench bench(model, {{.model = model, .prefixes = {{}, {1, 2, 3, 4}}}});
  std::vector<ActiveRow> rows;
  std::vector<ActiveRow*> pointers;
  for (TokenId id = 0; id < 30; ++id) rows.push_back(bench.row(TokenIds(100, id + 1)));  // 30 * 204 tokens
  for (ActiveRow& row : rows) pointers.push_back(&row);
  const Tensor together = bench.states(pointers);
  for (size_t r : {0u, 17u, 29u}) {
    ActiveRow alone = bench.row(rows[r].row.request.prompt_ids);
    EXPECT_TRUE(torch::equal(bench.states({&alone}), together.narrow(0, int64_t(2 * r), 2)));
  }
}

TEST(Readings, ATextThatDoesNotFitEndsItsRowAndNoOther) {
  const auto target = tiny_model(1), helper = tiny_model(2);
  ReadingBench bench(target, {{.model = helper, .prefixes = {TokenIds(200, 5)}}});
  ActiveRow longer = bench.row(TokenIds(57, 6)), fits = bench.row(TokenIds(56, 6));
  const Tensor states = bench.states({&longer, &fits});
  EXPECT_EQ(states.size(0), 1);
  expect_close(states[0], state_of(*helper, joined(TokenIds(200, 5), TokenIds(56, 6))));
  EXPECT_FALSE(fits.error);
  ASSERT_TRUE(longer.error);
  EXPECT_NE(longer.error->find("a text of 257 tokens does not fit the context of 256"), std::string::npos);
}

TEST(Readings, WhatAStepDoesNotWantIsCaughtUpWithLater) {
  const auto target = tiny_model(1), helper = tiny_model(2);
  ReadingBench bench(target, {{.model = helper, .wanted = [](const Row& row) { return row.new_ids.size() >= 2; }}});
  ActiveRow row = bench.row(kPrompt, {1}), other = bench.row(kPrompt, {1, 2});
  expect_close(bench.states({&row, &other})[1], state_of(*helper, other.row.history()));
  EXPECT_EQ(bench.kept()[0].has, (std::vector<bool>{false, true}));
  EXPECT_TRUE(torch::equal(bench.kept()[0].states[0], torch::zeros({32})));
  EXPECT_EQ(bench.tokens_read(), kPrompt.size() + 2);
  row.row.new_ids = {1, 50, 51};
  expect_close(bench.states({&row})[0], state_of(*helper, row.row.history()));
}

TEST(Readings, EqualOnesOfSeveralSessionsAreReadOnceAndHeadsForAll) {
  const auto model = tiny_model();
  const auto tokens_of = [&](std::vector<std::vector<Reading>> readings) {
    std::vector<std::unique_ptr<Session>> sessions;
    KlTotals kl;
    std::vector<float> strengths(readings.size(), 1.0f);
    for (auto& of_session : readings) sessions.push_back(std::make_unique<ReadingSession>(of_session));
    add_kl_probe(*model, kl, sessions, strengths);
    Generator generator(model, std::move(sessions));
    for (uint64_t sample : {0, 1})
      generator.submit(
          {.sample = sample, .prompt_ids = kPrompt, .stop = {.max_new_tokens = 4}, .strengths = strengths});
    generator.run([](const Completion& completion) { EXPECT_EQ(completion.error, ""); });
    EXPECT_EQ(sum_of(kl).sum, 0.0);
    return generator.tokens_read_along();
  };
  const uint64_t plain = kPrompt.size() + 2 * 3;  // the prompt once, then what each sample has drawn but for its last
  EXPECT_EQ(tokens_of({}), plain);
  EXPECT_EQ(tokens_of({{{.model = model}}, {{.model = model, .prefixes = {{}, {}}, .heads = true}}}), plain);
  EXPECT_EQ(tokens_of({{{.model = model, .prefixes = {{}, {8, 9}}}}}), 2 * plain + 2);
  EXPECT_EQ(tokens_of({{{.model = tiny_model(1)}}}), 2 * plain);
  EXPECT_EQ(tokens_of({{{.model = model, .change = std::make_shared<Silent>()}}}), 2 * plain);
}

TEST(Readings, TheTextLosesItsBeginningTokenBehindAPrefixWhereTheTokenizerPutsOne) {
  const TempDir folder;
  const fs::path path = write_toy_llama(folder.path() / "plain", {});
  const std::shared_ptr<const Model> plain = open_exact(path);
  Json tokenizer = read_json(path / "tokenizer.json");
  tokenizer["post_processor"] = {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", "<|end|>"}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
      {"pair", Json::array()},
      {"special_tokens", {{"<|end|>", {{"id", "<|end|>"}, {"ids", {0}}, {"tokens", {"<|end|>"}}}}}}};
  write_file(path / "tokenizer.json", to_text(tokenizer));
  write_file(path / "tokenizer_config.json", R"({"bos_token": "<|end|>", "add_bos_token": true})");
  const std::shared_ptr<const Model> beginning = open_exact(path);
  ASSERT_TRUE(beginning->tokenizer()->adds_bos());
  const TokenIds prefix = encode_prefixes(*beginning, {"ab"}, "").front(), text = {0, 20, 31};
  EXPECT_EQ(prefix.front(), 0);
  const auto states = [&](const std::shared_ptr<const Model>& model, std::vector<TokenIds> prefixes) {
    ReadingBench bench(model, {{.model = model, .prefixes = std::move(prefixes)}});
    ActiveRow row = bench.row(text);
    return bench.states({&row});
  };
  const Tensor both = states(beginning, {prefix, {}});
  expect_close(both[0], state_of(*plain, joined(prefix, {20, 31})));
  expect_close(both[1], state_of(*plain, text));
  // A tokenizer that puts none: the token is the text's own.
  expect_close(states(plain, {prefix})[0], state_of(*plain, joined(prefix, text)));
}

TEST(Readings, ATextInAnotherTokenizersIdsFollowsTheBytesForthAndBack) {
  const TempDir folder;
  const std::shared_ptr<const Model> target = open_exact(write_toy_llama(folder.path() / "t", {.merges = {"t h"}})),
                                     helper = open_exact(write_toy_gpt2(folder.path() / "h", {.seed = 2}));
  ReadingBench bench(target, {{.model = helper, .tokenizer = helper->tokenizer()}});
  const auto expect_text = [&](ActiveRow& row, const std::string& text) {
    expect_close(bench.states({&row})[0], state_of(*helper, helper->tokenizer()->encode(text, false)));
  };
  ActiveRow row = bench.row(target->tokenizer()->encode("the f", false));
  expect_text(row, "the f");
  row.row.new_ids = {0xC3 + 1, 0xBC + 1, 'x' + 1};
  expect_text(row, "the f\xc3\xbcx");
  row.row.new_ids = {0xC3 + 1};  // half a character is no text
  expect_text(row, "the f");
  row.row.new_ids = {'a' + 1, 'b' + 1};
  expect_text(row, "the fab");
  ActiveRow silent = bench.row({0});  // a special token has no bytes, and this tokenizer puts none in front
  bench.states({&silent});
  EXPECT_EQ(bench.kept()[0].has, std::vector<bool>{false});
}

TEST(EncodePrefixes, ModelWithoutTokenizerSaysSo) {
  try {
    encode_prefixes(*tiny_model(), {"a"}, "[here] ");
    ADD_FAILURE();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("[here] the target has no tokenizer"), std::string::npos);
  }
}

}  // namespace
}  // namespace limpid
