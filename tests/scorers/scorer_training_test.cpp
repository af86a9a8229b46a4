#include "limpid/scorers/scorer_training.h"

#include <gtest/gtest.h>

#include <cmath>

#include "limpid/scorers/quality.h"
#include "limpid/scorers/scorer.h"
#include "tests/support/tiny_encoder.h"

namespace limpid {
namespace {

using testing_support::TempDir;
using testing_support::TinyEncoder;

std::vector<LabelledText> rows_with(const std::vector<double>& labels) {
  std::vector<LabelledText> rows;
  for (double label : labels) rows.push_back({"x", label, "s"});
  return rows;
}

TEST(LabelledText, IsReadFromFilesOfDifferentMake) {
  const TempDir dir;
  const auto labelled = dir.write("labelled.jsonl", R"({"text": "one", "label": 1, "source": "forum"})"
                                                    "\n"
                                                    R"({"text": "two", "label": 0, "source": "news"})"
                                                    "\n"
                                                    R"({"text": "three", "label": null, "source": "news"})"
                                                    "\n");
  const auto pairs = dir.write("pairs.jsonl", R"({"rude": "four", "kind": "five"})"
                                              "\n");
  const auto book = dir.write("book.txt", "six\nseven\n");
  const LabelledData data =
      read_labelled({{labelled.string(), pairs.string() + "?text=rude&as=toxic", book.string() + "?as=safe"}, {}, {}});
  ASSERT_EQ(data.rows.size(), 5u);
  EXPECT_EQ(data.rows[0].text, "one");
  EXPECT_EQ(data.rows[0].source, "forum");
  EXPECT_TRUE(data.rows[0].toxic());
  EXPECT_FALSE(data.rows[1].toxic());
  EXPECT_EQ(data.rows[2].text, "four");
  EXPECT_TRUE(data.rows[2].toxic());
  EXPECT_EQ(data.rows[2].source, "pairs");
  EXPECT_EQ(data.rows[4].text, "seven");
  EXPECT_FALSE(data.rows[4].toxic());
  EXPECT_EQ(data.files[0]["unlabelled"], 1);
  EXPECT_EQ(data.files[0]["sha256"].get<std::string>().size(), 64u);
}

TEST(LabelledText, TakesRowsByConditionAndByChance) {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 50; ++i)
    text += R"({"text": "t)" + std::to_string(i) + R"(", "label": 0, "source": ")" + (i % 2 ? "a" : "b") + "\"}\n";
  const std::string path = dir.write("many.jsonl", text).string();
  EXPECT_EQ(read_labelled({{path + "?source=a"}, {}, {}}).rows.size(), 25u);
  const auto some = read_labelled({{path + "?take=10&source=a"}, {}, {}}, 1),
             again = read_labelled({{path + "?take=10&source=a"}, {}, {}}, 1);
  const auto other = read_labelled({{path + "?take=10&source=a"}, {}, {}}, 2);
  ASSERT_EQ(some.rows.size(), 10u);
  bool equal_other = true;
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(some.rows[i].text, again.rows[i].text);
    equal_other &= some.rows[i].text == other.rows[i].text;
  }
  EXPECT_FALSE(equal_other) << "another seed, another draw";
}

TEST(LabelledText, RefusesLabelsThatAreNone) {
  const TempDir dir;
  const auto with = [&](const std::string& row) {
    return read_labelled({{dir.write("l.jsonl", row + "\n").string()}, {}, {}});
  };
  EXPECT_THROW(with(R"({"text": "a", "label": 2})"), FormatError);
  EXPECT_THROW(with(R"({"text": "a", "label": "toxic"})"), FormatError);
  EXPECT_THROW(with(R"({"text": "a"})"), FormatError);
  EXPECT_THROW(read_labelled({{dir.write("l.txt", "a\n").string()}, {}, {}}), ConfigError) << "plain text without ?as=";
  EXPECT_THROW(read_labelled({{dir.write("l.txt", "a\n").string() + "?as=rude"}, {}, {}}), ConfigError);
  EXPECT_THROW(read_labelled({{dir.write("l.txt", "a\n").string() + "?as=safe&take=0"}, {}, {}}), ConfigError);
}

TEST(LabelledText, DropsTextsThatAreHeldOutWhateverTheirCaseAndPunctuation) {
  LabelledData data, held_out;
  for (const char* text : {"You, there!", "you there", "someone else", "Someone else."})
    data.rows.push_back({text, 0, ""});
  held_out.rows.push_back({"YOU THERE?", 1, ""});
  EXPECT_EQ(remove_duplicates(data, held_out), 3u);
  ASSERT_EQ(data.rows.size(), 1u);
  EXPECT_EQ(data.rows[0].text, "someone else");
}

TEST(ScorerQuality, CountsWhatTheThresholdFlags) {
  const auto q = measure(rows_with({1, 1, 0, 0, 0}), {0.9, 0.4, 0.6, 0.2, 0.1}, 0.5);
  EXPECT_EQ(q.toxic, 2u);
  EXPECT_DOUBLE_EQ(q.auc, 5.0 / 6.0);  // of the 6 pairs one is the wrong way round
  EXPECT_DOUBLE_EQ(q.flagged, 2.0 / 5.0);
  EXPECT_DOUBLE_EQ(q.recall, 0.5);
  EXPECT_DOUBLE_EQ(q.false_positive_rate, 1.0 / 3.0);
  EXPECT_FALSE(q.correlation) << "labels are 0 and 1";
}

TEST(ScorerQuality, CorrelatesWithLabelsThatAreShares) {
  const auto q = measure(rows_with({0.1, 0.5, 0.9}), {0.2, 0.4, 0.6}, 0.5);
  ASSERT_TRUE(q.correlation);
  EXPECT_NEAR(*q.correlation, 1.0, 1e-12);
  EXPECT_EQ(q.toxic, 2u);
}

TEST(BreakEvenThreshold, FlagsAsManyAsAreToxic) {
  const auto rows = rows_with({1, 1, 0, 0});
  const std::vector<double> scores = {0.9, 0.3, 0.5, 0.1};
  const double threshold = break_even_threshold(rows, scores);
  EXPECT_DOUBLE_EQ(threshold, 0.4);  // between 0.5 and 0.3
  EXPECT_DOUBLE_EQ(measure(rows, scores, threshold).flagged, 0.5);
  EXPECT_THROW(break_even_threshold(rows_with({1, 1}), {0.1, 0.2}), ConfigError);
}

/// Words "bad" and "good" decide, and the tiny encoder has random weights: a linear head can still tell them apart.
class TrainScorer : public testing::Test {
 protected:
  TrainScorer() {
    tiny.write_vocabulary();
    options.encoder = tiny.path().string();
    options.max_length = 12;
    options.C = 1000.0;
    options.stages = {0};  // random layers on top would mix the words with their places
    const char* const animals[] = {"cat", "dog", "cats", "dogs"};
    for (const char* one : animals)
      for (const char* other : animals) {
        data.rows.push_back({std::string("a bad ") + one + " a " + other, 1, "s"});
        data.rows.push_back({std::string("a good ") + one + " a " + other, 0, "s"});
      }
    held_out.rows = {
        {"a bad cat a", 1, "h"}, {"a good cat a", 0, "h"}, {"a bad dog a", 1, "h"}, {"a good dog a", 0, "h"}};
  }
  TinyEncoder tiny;
  ScorerTraining options;
  LabelledData data, held_out;
};

TEST_F(TrainScorer, LearnsWhatTellsTheLabelsApart) {
  const TrainedScorer trained = train_scorer(options, data, held_out, {});
  EXPECT_EQ(trained.held_out[0].second.auc, 1.0);
  trained.file.write(tiny.path() / "head.safetensors");
  const auto scorer = open_scorer((tiny.path() / "head.safetensors").string());
  std::vector<std::string> texts;
  for (const auto& row : held_out.rows) texts.push_back(row.text);
  const auto scores = scorer->score(texts);
  for (size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(scores[i] > scorer->threshold(), held_out.rows[i].toxic()) << texts[i];
}

TEST_F(TrainScorer, GivesTheSameFileTwice) {
  train_scorer(options, data, held_out, {}).file.write(tiny.path() / "a.safetensors");
  train_scorer(options, data, held_out, {}).file.write(tiny.path() / "b.safetensors");
  EXPECT_EQ(read_file(tiny.path() / "a.safetensors"), read_file(tiny.path() / "b.safetensors"));
}

TEST_F(TrainScorer, DoesNotTrainOnTestTexts) {
  LabelledData unseen;
  unseen.rows = {{"A bad cat, a dog!", 1, "t"}};
  EXPECT_EQ(train_scorer(options, data, held_out, unseen).duplicates, 1u);
}

TEST_F(TrainScorer, HoldsRowsOutWhenNoneAreGiven) {
  const TrainedScorer trained = train_scorer(options, data, {}, {});
  EXPECT_EQ(trained.held_out[0].second.texts, 3u);  // a tenth of 32
}

TEST_F(TrainScorer, RefusesSettingsThatMakeNoSense) {
  ScorerTraining wrong = options;
  wrong.stages = {9};
  EXPECT_THROW(train_scorer(wrong, data, held_out, {}), ConfigError);
  wrong = options;
  wrong.max_length = 17;
  EXPECT_THROW(train_scorer(wrong, data, held_out, {}), ConfigError);
  wrong = options;
  wrong.C = 0.0;
  EXPECT_THROW(train_scorer(wrong, data, held_out, {}), ConfigError);
  for (auto& row : data.rows) row.label = 1.0;
  EXPECT_THROW(train_scorer(options, data, held_out, {}), ConfigError);
}

}  // namespace
}  // namespace limpid
