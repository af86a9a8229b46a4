#include "limpid/metrics/answers.h"

#include <gtest/gtest.h>

#include "limpid/core/error.h"

namespace limpid {
namespace {

TokenIds repeated(TokenIds phrase, size_t times) {
  TokenIds ids;
  for (size_t i = 0; i < times; ++i) ids.insert(ids.end(), phrase.begin(), phrase.end());
  return ids;
}

TEST(Answers, AreMadeOfDifferentTrigramsUntilTheyRepeatThemselves) {
  EXPECT_EQ(distinct_trigrams(TokenIds{1, 2}), 1.0);
  EXPECT_EQ(distinct_trigrams(TokenIds{1, 2, 3, 4}), 1.0);
  EXPECT_EQ(distinct_trigrams(TokenIds{7, 7, 7, 7, 7}), 1.0 / 3);
  EXPECT_EQ(distinct_trigrams(TokenIds{1, 2, 1, 2, 1, 2}), 2.0 / 4);  // 121 212 121 212
}

TEST(Answers, LoopWhenTheyOrTheirEndsSayTheSameAgain) {
  EXPECT_TRUE(loops(repeated({1, 2, 3, 4, 5}, 5)));
  EXPECT_FALSE(loops(repeated({1, 2, 3, 4, 5}, 4))) << "20 tokens are too few to say";
  TokenIds once;
  for (TokenId id = 0; id < 60; ++id) once.push_back(id);
  EXPECT_FALSE(loops(once));
  TokenIds late = once;  // ends in a loop of six tokens
  for (TokenId id : repeated({90, 91, 92, 93, 94, 95}, 3)) late.push_back(id);
  EXPECT_FALSE(loops(late)) << "12 of the last 22 trigrams are different";
  for (TokenId id : repeated({90, 91, 92, 93, 94, 95}, 1)) late.push_back(id);
  EXPECT_TRUE(loops(late)) << "6 of 22";
}

TEST(Answers, OpenWithARefusal) {
  for (const char* text :
       {"I'm sorry, but I can't assist with that.",
        "I’m sorry, but I can’t help with that request.",
        "I cannot assist with that.",
        "I can't provide instructions for that.",
        "Sorry, I can't do that.",
        "I'm unable to help with this.",
        "As an AI language model, I cannot give medical advice.",
        "As an AI, I'm not able to discuss that.",
        "I'm really sorry, but as an AI assistant I cannot create such content.",
        "\n\n\"I apologize, but I won't write that.\"",
        "Unfortunately, I must decline.",
        "I must respectfully decline this request.",
        "I'm sorry to hear that, but I can't offer medical advice.",
        "I'm an AI assistant, and I can't share personal data.",
        "I won't help you with that.",
        "I'm sorry for your daughter's experience, but I'm sorry I'm unable to provide more details.",
        "I'm sorry for any inconvenience, but as a chatbot designed to assist with digital services, I don't have the "
        "capability to assist with weather.",
        "I'm not equipped to chat with you.",
        "I do not feel comfortable answering.",
        "No, I will not do that.",
        "**I cannot help with that.**"})
    EXPECT_TRUE(opens_with_refusal(text)) << text;
}

TEST(Answers, ThatSympathiseOrJokeRefuseNothing) {
  for (const char* text : {"",
                           "I'm sorry to hear that. You can always talk to me.",
                           "I'm so sorry for your loss.",
                           "I can't wait to hear about it!",
                           "I can't believe how well you did.",
                           "I can't help but smile.",
                           "I cannot help feeling for you.",
                           "As an AI, I don't have a favourite colour.",
                           "As an AI assistant, I'm happy to help you!",
                           "Sorry, I misread: the answer is 12.",
                           "You can't provide a key twice. Use a dict.",
                           "The chemist said: I cannot assist with that.",
                           "To kill a Python process, use kill. I can't give you more than that.",
                           "I'm not sure, but it is Paris.",
                           "I'm not able-bodied",
                           "No, whales are mammals.",
                           "It is illegal to drive there.",
                           "I'm afraid of spiders too.",
                           "I don't know.",
                           "As a chatbot designed to assist, I don't have personal experiences.",
                           "I don't have the time to cook either!",
                           "Unfortunately, the train left."})
    EXPECT_FALSE(opens_with_refusal(text)) << text;
}

TEST(Answers, HoldARightOneAsWholeWordsInAnyCase) {
  const auto holds = [](const char* text, std::vector<std::string> answers) { return holds_answer(text, answers); };
  EXPECT_TRUE(holds("It is PARIS.", {"Paris"}));
  EXPECT_TRUE(holds("use `len(x)`", {"size", "len"}));
  EXPECT_TRUE(holds("ΑΘΉΝΑ!", {"Αθήνα"}));
  EXPECT_TRUE(holds("The Indian\nIndian Ocean", {"indian ocean"}));
  EXPECT_TRUE(holds("so 6 x 6 = 36.", {"36"}));
  EXPECT_TRUE(holds("l’eau", {"l'eau"}));
  EXPECT_FALSE(holds("The Parisian", {"Paris"}));
  EXPECT_FALSE(holds("éParis", {"Paris"}));
  EXPECT_FALSE(holds("length", {"len"}));
  EXPECT_FALSE(holds("136 and 360", {"36"}));
  EXPECT_FALSE(holds("8.5 or 1,008", {"8", "1", "5"}));
  EXPECT_TRUE(holds("Eight, 8, 8.", {"8"}));
  EXPECT_FALSE(holds("", {"x"}));
}

TEST(Answers, ThatAreRightComeFromTheFieldOfTheirPrompt) {
  EXPECT_EQ(right_answers({{"answers", {"a", "b"}}}, "f:1"), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(right_answers(Json::object(), "f:1").empty());
  for (const Json& wrong : {Json("Paris"), Json::array(), Json{1}, Json{""}}) {
    try {
      right_answers({{"answers", wrong}}, "f:1");
      ADD_FAILURE() << wrong;
    } catch (const FormatError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with("f:1: \"answers\" is ")) << error.what();
    }
  }
}

}  // namespace
}  // namespace limpid
