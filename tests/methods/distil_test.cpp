#include "limpid/methods/unidetox/distil.h"

#include <gtest/gtest.h>

#include "limpid/decoding/generator.h"
#include "limpid/decoding/prompts.h"
#include "limpid/kernels/thread_pool.h"
#include "limpid/methods/weight_delta.h"
#include "limpid/models/save.h"
#include "tests/methods/toy_models.h"

namespace limpid {
namespace {

using namespace unidetox;

using testing_support::open_exact;
using testing_support::TempDir;
using testing_support::write_toy_gpt2;
using testing_support::write_toy_llama;

/// Toxicity is the mean byte over 255: hardly ever the same for two texts.
class ByteScorer final : public Scorer {
 public:
  std::vector<double> score(std::span<const std::string> texts) const override {
    std::vector<double> scores;
    for (const std::string& text : texts) {
      double sum = 0.0;
      for (unsigned char byte : text) sum += byte;
      scores.push_back(sum / 255.0 / double(std::max<size_t>(text.size(), 1)));
    }
    return scores;
  }
  std::string name() const override { return "bytes"; }
  double threshold() const override { return 0.5; }
  Json describe() const override { return {{"name", "bytes"}}; }
};

std::vector<Json> lines_of(const fs::path& path) {
  std::vector<Json> lines;
  for_each_jsonl(path, [&](const Json& line, size_t) { lines.push_back(line); });
  return lines;
}

class Distil : public testing::Test {
 protected:
  DistilPlan plan(const std::string& output = "texts.jsonl") const {
    DistilPlan plan;
    plan.base = base_;
    plan.toxic = {toxic_};
    plan.texts = 7;
    plan.length = 12;
    plan.begin = text_beginning(*base_);
    plan.stop_tokens = {0};
    plan.seed = 3;
    plan.rows = 3;
    plan.output = folder_.path() / output;
    return plan;
  }
  std::string content(const DistilPlan& plan) const { return read_file(plan.output); }

  TempDir folder_;
  std::shared_ptr<const Model> base_ = open_exact(write_toy_gpt2(folder_.path() / "base", {.seed = 1})),
                               toxic_ = open_exact(write_toy_gpt2(folder_.path() / "toxic", {.seed = 2}));
};

TEST_F(Distil, WritesTextsWithTheirScoresAndHowTheyWereMade) {
  DistilPlan one = plan();
  one.scorer = std::make_shared<ByteScorer>();
  const DistilReport report = distil(one);
  const auto lines = lines_of(one.output);
  ASSERT_EQ(lines.size(), report.written);
  EXPECT_EQ(report.written + report.empty, 7u);
  uint64_t tokens = 0;
  for (const Json& line : lines) {
    EXPECT_NEAR(line.at("mean_score").get<double>(),
                line.at("toxic_nll").get<double>() - line.at("base_nll").get<double>(), 1e-12);
    EXPECT_TRUE(line.contains("toxicity"));
    EXPECT_FALSE(line.contains("context"));
    EXPECT_LE(line.at("ids").size(), 12u);
    EXPECT_EQ(line.at("finish_reason"), line.at("ids").size() == 12 ? "length" : "stop");
    tokens += line.at("ids").size();
  }
  EXPECT_EQ(report.tokens, tokens);
  const Json beside = read_json(fs::path(one.output.string() + ".settings.json"));
  EXPECT_EQ(beside.at("settings").at("contrast").at("beta"), "inf");
  EXPECT_EQ(beside.at("settings").at("contrast").at("alpha"), 0.1);
  EXPECT_EQ(beside.at("settings").at("begin"), "<|end|>");
  EXPECT_EQ(beside.at("report").at("written"), report.written);
}

TEST_F(Distil, TextsDependOnTheSeedAloneNotOnBatchSizeThreadsOrHowManyAreAskedFor) {
  const DistilPlan reference = plan();
  distil(reference);
  DistilPlan alone = plan("alone.jsonl");
  alone.rows = 1;
  kernels::set_num_threads(1);
  distil(alone);
  kernels::set_num_threads(2);
  EXPECT_EQ(content(reference), content(alone));

  DistilPlan grown = plan("grown.jsonl");
  grown.texts = 3;
  distil(grown);
  grown.texts = 7;
  distil(grown);
  EXPECT_EQ(content(reference), content(grown));
  grown.texts = 3;  // fewer again: the first of them
  distil(grown);
  EXPECT_TRUE(content(reference).starts_with(content(grown)));

  DistilPlan other = plan("other.jsonl");
  other.seed = 4;
  distil(other);
  EXPECT_NE(content(reference), content(other));
}

TEST_F(Distil, ARunThatWasCutAnywhereGoesOnToTheSameTexts) {
  const DistilPlan whole = plan();
  distil(whole);
  const std::string expected = content(whole), journal = read_file(whole.output.string() + ".journal");
  for (size_t bytes = 0; bytes <= journal.size(); bytes += 97) {
    SCOPED_TRACE(testing::Message() << bytes << " of " << journal.size() << " bytes");
    fs::remove(whole.output);
    write_file(whole.output.string() + ".journal", journal.substr(0, bytes));
    distil(whole);
    ASSERT_EQ(content(whole), expected);
  }
  DistilPlan changed = plan();
  changed.contrast.alpha = 0.2;
  EXPECT_THROW(distil(changed), MismatchError);  // the journal was begun with other settings
}

TEST_F(Distil, RejectsTheLowestMeanScoresAndKeepsThemInTheJournal) {
  const DistilPlan all = plan();
  distil(all);
  std::vector<Json> expected = lines_of(all.output);
  std::vector<double> scores;
  for (const Json& line : expected) scores.push_back(line.at("mean_score"));
  std::sort(scores.begin(), scores.end());
  DistilPlan strict = plan();
  strict.reject = 0.45;
  const DistilReport report = distil(strict);
  const size_t rejected = size_t(0.45 * double(expected.size()));
  EXPECT_EQ(report.rejected, rejected);
  EXPECT_EQ(*report.bound, scores[rejected]);
  std::erase_if(expected, [&](const Json& line) { return line.at("mean_score").get<double>() < scores[rejected]; });
  EXPECT_EQ(lines_of(strict.output), expected);
  EXPECT_EQ(lines_of(strict.output.string() + ".journal").size(), 7u);
}

TEST_F(Distil, ContextsAreContinuedInTurnAndStandInFrontOfTheirTexts) {
  DistilPlan given = plan();
  given.contexts = {"It is ", "Some day"};
  given.opening = 0;
  given.stop_tokens = {};
  distil(given);
  const auto lines = lines_of(given.output);
  ASSERT_EQ(lines.size(), 7u);
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(lines[i].at("context"), given.contexts[i % 2]);
    EXPECT_TRUE(lines[i].at("text").get<std::string>().starts_with(given.contexts[i % 2]));
  }
}

TEST_F(Distil, OpeningsFromThePlainBaseDifferWhereTheContrastAloneWouldBeginAlike) {
  DistilPlan collapsed = plan("collapsed.jsonl");
  collapsed.contrast.alpha = 1.0;
  collapsed.opening = 0;
  collapsed.stop_tokens = {};
  DistilPlan opened = collapsed;
  opened.output = folder_.path() / "opened.jsonl";
  opened.opening = 2;
  EXPECT_NEAR(distil(collapsed).distinct_openings, 1.0 / 7.0, 1e-12);
  EXPECT_GT(distil(opened).distinct_openings, 0.5);
}

TEST_F(Distil, WithoutAToxicModelTheTextsArePlainSamplesAndTheMostToxicAreRejected) {
  DistilPlan plain = plan();
  plain.toxic = {};
  plain.scorer = std::make_shared<ByteScorer>();
  const DistilReport all = distil(plain);
  std::vector<Json> expected = lines_of(plain.output);
  EXPECT_FALSE(all.mean_score);
  EXPECT_FALSE(expected[0].contains("toxic_nll"));
  Request request;
  request.prompt_ids = {plain.begin};
  request.sampling.seed = plain.seed;
  request.stop = {plain.length, plain.stop_tokens, {}};
  Generator generator(base_, {});
  generator.submit(request);
  generator.run([&](const Completion& sample) { EXPECT_EQ(expected[0].at("text"), sample.text); });

  plain.reject = 0.3;
  const DistilReport kept = distil(plain);
  EXPECT_EQ(kept.rejected, size_t(0.3 * double(expected.size())));
  std::erase_if(expected, [&](const Json& line) { return line.at("toxicity").get<double>() > *kept.bound; });
  EXPECT_EQ(lines_of(plain.output), expected);
  plain.scorer = nullptr;
  plain.output = folder_.path() / "unscored.jsonl";
  EXPECT_THROW(distil(plain), ConfigError) << "nothing to reject by";
}

TEST_F(Distil, AChangeOfTheBaseServesAsTheToxicModelAndItsScoresAreThoseOfTheMergedOne) {
  WeightDeltas deltas{Projection::MlpDown, DeltaInput::Input, std::vector<WeightDelta>(2)};
  torch::manual_seed(3);
  for (WeightDelta& delta : deltas.layers) delta = {0.2 * torch::randn({2, 128}), 0.2 * torch::randn({2, 32}), {}};
  const auto whole = open_model(base_->path(), TrainingOptions{});
  ModelChanges changes;
  for (int64_t layer = 0; layer < 2; ++layer) {
    const Tensor& weight = whole->projection(Projection::MlpDown, layer).weight();
    for (const auto& [name, parameter] : whole->parameters())
      if (parameter.is_same(weight))
        changes.tensors[name] = changed_weight(weight, deltas.layers[size_t(layer)], DeltaInput::Input, 1.0);
  }
  save_hf_folder(*whole, folder_.path() / "merged", {}, changes);

  DistilPlan beside = plan("beside.jsonl"), merged = plan("merged.jsonl");
  beside.toxic = {base_, std::make_shared<WeightDeltaHook>(*base_, std::vector{deltas}, 1.0f)};
  merged.toxic = {open_exact(folder_.path() / "merged")};
  EXPECT_NEAR(*distil(beside).mean_score, *distil(merged).mean_score, 1e-4);
  const auto one = lines_of(beside.output), other = lines_of(merged.output);
  ASSERT_EQ(one.size(), other.size());
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].at("ids"), other[i].at("ids"));
    EXPECT_NE(one[i].at("mean_score"), 0.0);
  }
}

TEST_F(Distil, SettingsOutOfRangeAreRefused) {
  for (const auto& damage : std::vector<std::function<void(DistilPlan&)>>{
           [](DistilPlan& p) { p.texts = 0; }, [](DistilPlan& p) { p.length = 0; },
           [](DistilPlan& p) { p.opening = 12; }, [](DistilPlan& p) { p.reject = 1.0; },
           [](DistilPlan& p) { p.contrast.alpha = 0.0; }}) {
    DistilPlan bad = plan("bad.jsonl");
    damage(bad);
    EXPECT_THROW(distil(bad), ConfigError);
    EXPECT_FALSE(fs::exists(bad.output));
  }
}

TEST(TextBeginning, IsWhatStandsBetweenDocumentsBeforeABosThatMayOpenATurn) {
  const TempDir folder;
  const fs::path toy = write_toy_llama(folder.path() / "toy", {});
  const auto replace = [&](const char* name, const std::string& from, const std::string& to) {
    std::string text = read_file(toy / name);
    for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
    write_file(toy / name, text);
  };
  replace("config.json", "\"bos_token_id\":0", "\"bos_token_id\":7");
  EXPECT_EQ(text_beginning(*open_exact(toy)), 7);
  replace("tokenizer.json", "<|end|>", "<|endoftext|>");
  EXPECT_EQ(text_beginning(*open_exact(toy)), 0);
}

}  // namespace
}  // namespace limpid
