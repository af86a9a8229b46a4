#include "limpid/evaluation/multiple_choice.h"

#include <gtest/gtest.h>

#include "limpid/decoding/judge.h"
#include "limpid/decoding/prompts.h"
#include "tests/methods/toy_models.h"

namespace limpid {
namespace {

using testing_support::TempDir;
using testing_support::ToySize;

const ChoiceQuestion kMagnet{"Which is drawn to a magnet?", "science", {"wood", "iron"}, 1};

std::vector<ChoiceQuestion> some_questions() {
  return {kMagnet,
          {"Which is wet?", "science", {"sand", "sea", "salt"}, 1},
          {"Which is a colour?", "words", {"red", "run"}, 0},
          {"Which is hot?", "science", {"fire", "snow"}, 0}};
}

TEST(ChoicePrompt, SpellsEachFormat) {
  const ChoicePrompt answer = choice_prompt(kMagnet, ChoiceFormat::Answer),
                     letter = choice_prompt(kMagnet, ChoiceFormat::Letter),
                     continuation = choice_prompt(kMagnet, ChoiceFormat::Continuation);
  EXPECT_EQ(answer.prompt, "Question: Which is drawn to a magnet?\nAnswer:");
  EXPECT_EQ(answer.endings, (std::vector<std::string>{" wood", " iron"}));
  EXPECT_EQ(letter.prompt, "Question: Which is drawn to a magnet?\nA. wood\nB. iron\nAnswer:");
  EXPECT_EQ(letter.endings, (std::vector<std::string>{" A", " B"}));
  EXPECT_EQ(continuation.prompt, "Which is drawn to a magnet?");
  EXPECT_THROW(named<ChoiceFormat>("essay", "format"), ConfigError);
}

TEST(ChoicePrompt, ShotsComeFromTheSameCategoryAndAreNotAsked) {
  std::vector<ChoiceQuestion> questions = some_questions();
  const auto prompts = choice_prompts(questions, ChoiceFormat::Answer, 1);
  ASSERT_EQ(prompts.size(), 2u);  // "words" has only its example
  EXPECT_EQ(questions[0].question, "Which is wet?");
  EXPECT_EQ(prompts[0].prompt,
            "Question: Which is drawn to a magnet?\nAnswer: iron\n\nQuestion: Which is wet?\nAnswer:");
  std::vector<ChoiceQuestion> few = {kMagnet};
  EXPECT_THROW(choice_prompts(few, ChoiceFormat::Answer, 1), ConfigError);
}

class MultipleChoice : public ::testing::TestWithParam<bool> {
 protected:
  MultipleChoice() {
    ToySize size;
    size.merges = {"i r", "o n", "ir on"};
    plan_.model = testing_support::open_exact(GetParam() ? testing_support::write_toy_gpt2(dir_.path() / "toy", size)
                                                         : testing_support::write_toy_llama(dir_.path() / "toy", size));
  }
  TempDir dir_;
  MultipleChoicePlan plan_;
};

TEST_P(MultipleChoice, LikelihoodsAreThoseOfTheJudgeWhateverIsReadTogether) {
  std::vector<ChoiceQuestion> questions = some_questions();
  const auto prompts = choice_prompts(questions, ChoiceFormat::Answer, 0);
  const auto found = choice_likelihoods(plan_, prompts);
  plan_.rows = 3;
  EXPECT_EQ(found, choice_likelihoods(plan_, prompts)) << "another batch size, to the bit";
  const Tokenizer& tokenizer = *plan_.model->tokenizer();
  for (size_t q = 0; q < prompts.size(); ++q) {
    std::vector<TokenIds> endings;
    for (const std::string& ending : prompts[q].endings) endings.push_back(tokenizer.encode(ending, false));
    const auto nll = continuation_likelihoods(*plan_.model, prompt_ids(tokenizer, prompts[q].prompt), endings);
    for (size_t c = 0; c < endings.size(); ++c) {
      double sum = 0.0;
      for (double one : nll[c]) sum -= one;
      EXPECT_NEAR(found[q][c], sum, 1e-4) << q << " " << c;
    }
  }
}

TEST_P(MultipleChoice, ASessionChangesWhatIsRead) {
  struct Flat final : Session {
    void logits(const Step&, Tensor& z) override { z.zero_(); }
  };
  plan_.sessions = [] {
    std::vector<std::unique_ptr<Session>> sessions;
    sessions.push_back(std::make_unique<Flat>());
    return sessions;
  };
  plan_.strengths = {1.0f};
  std::vector<ChoiceQuestion> questions = {kMagnet};
  const auto found = choice_likelihoods(plan_, choice_prompts(questions, ChoiceFormat::Answer, 0));
  const double each = -std::log(double(plan_.model->config().vocab_size));
  EXPECT_NEAR(found[0][0], 5 * each, 1e-6);  // " wood": five bytes
  EXPECT_NEAR(found[0][1], 2 * each, 1e-6);  // " ", "iron"
}

INSTANTIATE_TEST_SUITE_P(Families, MultipleChoice, ::testing::Bool());

TEST(MultipleChoiceReport, CountsTheLikeliestChoiceInBothScales) {
  std::vector<ChoiceQuestion> questions = {{"q", "a", {"xxx", "x"}, 0}, {"q", "b", {"x", "y", "z", "w"}, 3}};
  const auto prompts = choice_prompts(questions, ChoiceFormat::Answer, 0);
  const MultipleChoiceReport report =
      multiple_choice_report(questions, prompts, {{-3.0, -2.0}, {-1.0, -1.0, -1.0, -0.5}});
  EXPECT_EQ(report.questions, 2u);
  EXPECT_DOUBLE_EQ(report.chance, 0.375);
  EXPECT_DOUBLE_EQ(report.total.value, 0.5);     // -2 beats -3
  EXPECT_DOUBLE_EQ(report.per_byte.value, 1.0);  // -3 / 4 beats -2 / 2
  EXPECT_EQ(report.by_category.at("a").at("total"), 0.0);
}

TEST(ChoiceQuestions, AreReadAndMalformedOnesNameTheirLine) {
  const TempDir dir;
  const auto file = [&](const std::string& text) { return dir.write("q.jsonl", text); };
  const std::string good = R"({"question": "q", "choices": ["a", "b"], "answer": 1, "category": null, "source": "s"})"
                           "\n";
  EXPECT_EQ(read_choice_questions(file(good)).at(0).answer, 1u);
  for (const char* row :
       {R"({"question": "q", "choices": ["a"], "answer": 0})",
        R"({"question": "q", "choices": ["a", "b"], "answer": 2})",
        R"({"question": "q", "choices": ["a", "b"], "answer": -1})", R"({"question": "q", "answer": 0})",
        R"({"question": 3, "choices": ["a", "b"], "answer": 0})"}) {
    try {
      read_choice_questions(file(good + row + "\n"));
      ADD_FAILURE() << row;
    } catch (const FormatError& error) {
      EXPECT_NE(std::string(error.what()).find("q.jsonl:2"), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(read_choice_questions(file("")), FormatError);
}

}  // namespace
}  // namespace limpid
