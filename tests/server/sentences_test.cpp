#include "limpid/server/requests/sentences.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "limpid/tokenizers/unicode.h"

namespace limpid::server {
namespace {

using Parts = std::vector<std::string>;

Parts parts(const std::string& text) {
  Parts found;
  for (const TextSpan& span : sentences_of(text))
    found.push_back(text.substr(span.begin_byte, span.end_byte - span.begin_byte));
  return found;
}

TEST(Sentences, EndAtStopsAndMarks) {
  EXPECT_EQ(parts("You are kind. Go away, fool!"), (Parts{"You are kind.", "Go away, fool!"}));
  EXPECT_EQ(parts("What?! No... Yes!!! Well."), (Parts{"What?!", "No...", "Yes!!!", "Well."}));
  EXPECT_EQ(parts("go away. you are a fool! and ugly"), (Parts{"go away.", "you are a fool!", "and ugly"}));
  EXPECT_EQ(parts("no end"), (Parts{"no end"}));
  EXPECT_EQ(parts(""), Parts{});
  EXPECT_EQ(parts(" \n\t "), Parts{});
}

TEST(Sentences, DoNotEndAtAbbreviationsInitialsAndNumbers) {
  for (const char* text :
       {"Mr. Smith met Dr. Who.", "Use e.g. Rust, i.e. nothing.", "It costs 3.50 dollars.",
        "J. R. R. Tolkien wrote it.", "See www.example.com/a.b for it.", "He lives in the U.S. and works.",
        "Apples, pears etc. are fruit.", "Born Jan. 5 in St. Louis.", "No. 5 is alive.", "1. First of all",
        "See Fig. 3 and p. 7.", "At 5 p.m. we go.", "Cats vs. Dogs"})
    EXPECT_EQ(parts(text), Parts{text});
  EXPECT_EQ(parts("I said no. You stay."), (Parts{"I said no.", "You stay."}));
  EXPECT_EQ(parts("It was I. You knew."), (Parts{"It was I.", "You knew."}));
  EXPECT_EQ(parts("We ate apples etc. Then we left."), (Parts{"We ate apples etc.", "Then we left."}));
  EXPECT_EQ(parts("It was 1999. We left."), (Parts{"It was 1999.", "We left."}));
}

TEST(Sentences, TakeClosingQuotesAlongAndGoOnBehindWhatWasSaid) {
  EXPECT_EQ(parts(R"("Go away!" he said. "Now." She left.)"),
            (Parts{R"("Go away!" he said.)", R"("Now.")", "She left."}));
  EXPECT_EQ(parts("\u201cStop.\u201d Then (so it goes.) He ran."),
            (Parts{"\u201cStop.\u201d", "Then (so it goes.)", "He ran."}));
  EXPECT_EQ(parts("Well... maybe not. Hm\u2026 Yes."), (Parts{"Well... maybe not.", "Hm\u2026", "Yes."}));
}

TEST(Sentences, EndAtLineEndsUnlessTheLineGoesOnInLowerCase) {
  EXPECT_EQ(parts("Hello there\nYou fool"), (Parts{"Hello there", "You fool"}));
  EXPECT_EQ(parts("a line that was\nbroken by hand"), (Parts{"a line that was\nbroken by hand"}));
  EXPECT_EQ(parts("a line that was\r\nbroken by hand"), (Parts{"a line that was\r\nbroken by hand"}));
  EXPECT_EQ(parts("one\n\ntwo"), (Parts{"one", "two"}));
  EXPECT_EQ(parts("- one\n- two"), (Parts{"- one", "- two"}));
}

TEST(Sentences, KeepEmojiBehindTheEndWithTheSentence) {
  EXPECT_EQ(parts("You fool!\U0001F600 Go."), (Parts{"You fool!\U0001F600", "Go."}));
}

TEST(Sentences, AreCountedInUtf16Units) {
  const std::string text = "\U0001F600 Hi.  e\u0301te\u0301! \u00fc";  // emoji: 2 units; e and its accent: 2
  const std::vector<TextSpan> spans = sentences_of(text);
  ASSERT_EQ(spans.size(), 3u);
  EXPECT_EQ(spans[0].begin, 0u);
  EXPECT_EQ(spans[0].end, 6u);
  EXPECT_EQ(spans[1].begin, 8u);
  EXPECT_EQ(spans[1].end, 14u);
  EXPECT_EQ(spans[2].begin, 15u);
  EXPECT_EQ(spans[2].end, 16u);
  EXPECT_EQ(whole_span(text), (TextSpan{0, text.size(), 0, 16}));
  EXPECT_EQ(whole_span(""), (TextSpan{}));
}

TEST(Sentences, HoldEveryCharacterThatIsNoSpaceOnce) {
  const std::string texts[] = {
      "  Mr. X said: \"No.\" \n\n(Why?!) \U0001F469\u200D\U0001F52C. ok\u00a0... a.b. 1. 2. 3.",
      ". . . ! \" ' ) ] . \" .", "\u2028x\u2029y\u0085z.\u3000A", "\"\"\"", "... ..."};
  for (const std::string& text : texts) {
    size_t at = 0;
    for (const TextSpan& span : sentences_of(text)) {
      ASSERT_LT(span.begin_byte, span.end_byte);
      EXPECT_EQ(sentences_of(text.substr(at, span.begin_byte - at)), std::vector<TextSpan>{}) << "white space between";
      EXPECT_EQ(whole_span(text.substr(0, span.begin_byte)).end, span.begin);
      EXPECT_EQ(whole_span(text.substr(0, span.end_byte)).end, span.end);
      EXPECT_TRUE(is_valid_utf8(text.substr(span.begin_byte, span.end_byte - span.begin_byte)));
      at = span.end_byte;
    }
    EXPECT_TRUE(parts(text.substr(at)).empty());
  }
}

TEST(Sentences, TakeTimeThatGrowsWithTheLengthAlone) {
  for (const char* piece : {".", "\"", ". ", "\n", "\" ", "a", "\U0001F600"}) {
    std::string text;
    while (text.size() < 20'480) text += piece;
    const auto begin = std::chrono::steady_clock::now();
    sentences_of("x. " + text + " Y");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(500)) << '"' << piece << '"';
  }
}

}  // namespace
}  // namespace limpid::server
