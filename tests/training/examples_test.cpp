#include "limpid/training/examples.h"

#include <gtest/gtest.h>

#include <set>

#include "limpid/training/batches.h"
#include "tests/training/toy_tokenizer.h"

namespace limpid {
namespace {

using testing_support::message_of;
using testing_support::ToyTokenizer;

TextRow dialogue(std::string prompt, std::string completion) {
  return {std::move(prompt), std::move(completion), true, "test:1"};
}
TextRow plain(std::string text) { return {"", std::move(text), false, "test:1"}; }

TEST(MakeExample, LearnsTheCompletionAndTheEndToken) {
  const ToyTokenizer tokenizer;
  const Example example = make_example(tokenizer, dialogue("ab", "cd"), {});
  EXPECT_EQ(example.ids, (TokenIds{'a', 'b', '\n', 'c', 'd', *tokenizer.eos()}));
  EXPECT_EQ(example.loss_from, 3);
  EXPECT_EQ(example.targets(), 3);
}

TEST(MakeExample, LeavesATokenThatBeginsBeforeTheBoundaryToThePrompt) {
  const ToyTokenizer tokenizer({"\nc"});  // one token across the boundary: a separate tokenisation would say otherwise
  const Example example = make_example(tokenizer, dialogue("ab", "cd"), {});
  EXPECT_EQ(example.ids, (TokenIds{'a', 'b', 256, 'd', *tokenizer.eos()}));
  EXPECT_EQ(example.loss_from, 3);
}

TEST(MakeExample, CountsTheBoundaryInBytesOfMultibyteText) {
  const ToyTokenizer tokenizer({"é", "à"});
  const Example example = make_example(tokenizer, dialogue("éé", "à"), {});
  EXPECT_EQ(example.ids, (TokenIds{256, 256, '\n', 257, *tokenizer.eos()}));
  EXPECT_EQ(example.loss_from, 3);
}

TEST(MakeExample, CountsFromTheEndWhenTheTokenizerDropsBytes) {
  const ToyTokenizer tokenizer({}, false, /*drops_returns=*/true);
  const Example example = make_example(tokenizer, dialogue("a\r\rb", "cd"), {});
  EXPECT_EQ(example.ids, (TokenIds{'a', 'b', '\n', 'c', 'd', *tokenizer.eos()}));
  EXPECT_EQ(example.loss_from, 3);
}

TEST(MakeExample, PutsTheBeginningTokenInFrontOnlyWhereTheTokenizerDoes) {
  const ToyTokenizer with({}, /*adds_bos=*/true), without;
  EXPECT_EQ(make_example(with, plain("ab"), {}).ids, (TokenIds{*with.bos(), 'a', 'b', *with.eos()}));
  EXPECT_EQ(make_example(with, plain("ab"), {}).targets(), 3);
  EXPECT_EQ(make_example(without, plain("ab"), {}).targets(), 2) << "nothing predicts the first token";
}

TEST(MakeExample, CutsLongTextsWithoutPretendingThatTheyEnd) {
  const ToyTokenizer tokenizer;
  EXPECT_EQ(make_example(tokenizer, plain("abcd"), {.max_length = 4}).ids, (TokenIds{'a', 'b', 'c', 'd'}));
  EXPECT_EQ(make_example(tokenizer, plain("abcde"), {.max_length = 4}).ids, (TokenIds{'a', 'b', 'c', 'd'}));
  EXPECT_EQ(make_example(tokenizer, plain("abc"), {.max_length = 4}).ids.back(), *tokenizer.eos());
  EXPECT_EQ(make_example(tokenizer, plain("abc"), {.max_length = 9, .end_token = false}).ids,
            (TokenIds{'a', 'b', 'c'}));
  EXPECT_EQ(make_example(tokenizer, dialogue("abcdef", "g"), {.max_length = 4}).targets(), 0);
}

TEST(MakeExamples, DropsAndCountsRowsWithNothingToLearn) {
  const ToyTokenizer tokenizer;
  const std::vector<TextRow> rows = {dialogue("a long prompt", "x"), plain("abc"), plain("abd")};
  const ExampleSets sets = make_examples(tokenizer, rows, {.max_length = 8}, 0.0);
  EXPECT_EQ(sets.without_target, 1u);
  EXPECT_EQ(sets.train.size(), 2u);
  EXPECT_EQ(sets.train_targets, 6);
  const std::vector<TextRow> hopeless(1, dialogue("a long prompt", "x"));
  EXPECT_NE(message_of<ConfigError>([&] {
              make_examples(tokenizer, hopeless, {.max_length = 8}, 0.0);
            }).find("no row has a token"),
            std::string::npos);
}

TEST(MakeExamples, HoldsOutByTheTextAloneSoThatOrderAndNeighboursDoNotMatter) {
  const ToyTokenizer tokenizer;
  std::vector<TextRow> rows;
  for (int i = 0; i < 1000; ++i) rows.push_back(plain("row " + std::to_string(i)));
  const auto held = [&](const std::vector<TextRow>& given) {
    std::set<TokenIds> texts;
    for (const Example& example : make_examples(tokenizer, given, {}, 0.1).held_out) texts.insert(example.ids);
    return texts;
  };
  const auto forward = held(rows);
  EXPECT_GT(forward.size(), 60u);
  EXPECT_LT(forward.size(), 140u);
  std::vector<TextRow> reversed(rows.rbegin(), rows.rend());
  reversed.push_back(rows[5]);
  EXPECT_EQ(held(reversed), forward);
}

TEST(MakeExamples, KeepsOneRowOnEachSideHoweverFewThereAre) {
  const ToyTokenizer tokenizer;
  const std::vector<TextRow> rows = {plain("ab"), plain("cd")};
  for (double share : {0.0001, 0.9999}) {
    const ExampleSets sets = make_examples(tokenizer, rows, {}, share);
    EXPECT_EQ(sets.train.size(), 1u);
    EXPECT_EQ(sets.held_out.size(), 1u);
  }
}

std::vector<Example> examples_of_lengths(int count) {
  std::vector<Example> examples;
  for (int i = 0; i < count; ++i) examples.push_back({TokenIds(size_t(2 + i * 7 % 31), TokenId(i % 97)), 0});
  return examples;
}

std::vector<int64_t> lengths_of(const std::vector<Example>& examples) {
  std::vector<int64_t> lengths;
  for (const Example& example : examples) lengths.push_back(int64_t(example.ids.size()));
  return lengths;
}

TEST(PlanEpoch, UsesEveryExampleOnceAndIsAFunctionOfSeedAndEpoch) {
  const auto lengths = lengths_of(examples_of_lengths(523));
  const auto plan = plan_epoch(lengths, 4, 1, 0);
  std::set<uint32_t> seen;
  for (const auto& batch : plan)
    for (uint32_t index : batch) EXPECT_TRUE(seen.insert(index).second);
  EXPECT_EQ(seen.size(), 523u);
  EXPECT_EQ(plan_epoch(lengths, 4, 1, 0), plan);
  EXPECT_NE(plan_epoch(lengths, 4, 1, 1), plan);
  EXPECT_NE(plan_epoch(lengths, 4, 2, 0), plan);
}

TEST(PlanEpoch, PutsSimilarLengthsTogether) {
  const auto examples = examples_of_lengths(2000);
  int64_t padded = 0, tokens = 0;
  for (const auto& chosen : plan_epoch(lengths_of(examples), 8, 3, 0)) {
    const Batch batch = make_batch(examples, chosen);
    padded += batch.ids.numel();
    tokens += batch.tokens;
  }
  EXPECT_LT(double(padded), 1.1 * double(tokens));
}

TEST(MakeBatch, PadsOnTheRightAndSelectsOnlyWhatIsLearnt) {
  const std::vector<Example> examples = {{{10, 11, 12, 13}, 2}, {{20, 21}, 0}};
  const std::vector<uint32_t> chosen = {0, 1};
  const Batch batch = make_batch(examples, chosen);
  EXPECT_TRUE(torch::equal(batch.ids, torch::tensor({{10, 11, 12, 13}, {20, 21, 0, 0}}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(batch.positions, torch::tensor({1, 2, 4}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(batch.targets, torch::tensor({12, 13, 21}, torch::kInt64)));
  EXPECT_EQ(batch.tokens, 6);
}

TEST(PackExamples, FillsWindowsAndStillLearnsNoPrompt) {
  const std::vector<Example> examples = {
      {{1, 2, 3, 4}, 2}, {{5, 6, 7}, 0}, {{8, 9}, 1}};  // a prompt of two, plain text, a BOS
  const auto windows = pack_examples(examples, 5);
  ASSERT_EQ(windows.size(), 2u);
  EXPECT_EQ(windows[0].ids, (TokenIds{1, 2, 3, 4, 5}));
  EXPECT_EQ(windows[1].ids, (TokenIds{6, 7, 8, 9}));
  const std::vector<uint32_t> chosen = {0, 1};
  const Batch batch = make_batch(windows, chosen);
  EXPECT_TRUE(torch::equal(batch.targets, torch::tensor({3, 4, 5, 7, 9}, torch::kInt64))) << batch.targets;
  EXPECT_TRUE(torch::equal(batch.positions, torch::tensor({1, 2, 3, 5, 7}, torch::kInt64)));
}

TEST(MakeExamples, PacksEachSideOfTheSplitWithoutCuttingTexts) {
  const testing_support::ToyTokenizer tokenizer;
  std::vector<TextRow> rows;
  for (int i = 0; i < 40; ++i)
    rows.push_back({"", "row number " + std::to_string(i) + " which is longer than a window", false, ""});
  const ExampleSets sets = make_examples(tokenizer, rows, {.max_length = 16}, 0.2, /*pack=*/true);
  int64_t tokens = 0, expected = 0;
  for (const auto* side : {&sets.train, &sets.held_out})
    for (const Example& window : *side) tokens += int64_t(window.ids.size());
  for (const TextRow& row : rows) expected += int64_t(row.text.size()) + 1;  // bytes and one end token
  EXPECT_EQ(tokens, expected);
  EXPECT_FALSE(sets.held_out.empty());
  for (size_t i = 0; i + 1 < sets.train.size(); ++i) EXPECT_EQ(sets.train[i].ids.size(), 16u);
}

}  // namespace
}  // namespace limpid
