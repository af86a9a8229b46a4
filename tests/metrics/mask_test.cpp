#include "limpid/metrics/mask.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "limpid/data/generations.h"
#include "limpid/metrics/mask_words.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

WordMask mask_of(std::initializer_list<const char*> words) {
  WordMask mask;
  for (const char* word : words) mask.add(word);
  return mask;
}

TEST(WordMask, KeepsTheFirstLetterAndTheCase) {
  const WordMask mask = mask_of({"turnip"});
  EXPECT_EQ(mask.mask("You Turnip, you TURNIP!"), "You T*****, you T*****!");
  EXPECT_EQ(mask.mask("turnip"), "t*****");
  EXPECT_EQ(mask.mask(""), "");
  EXPECT_EQ(mask.mask("nothing to see"), "nothing to see");
}

TEST(WordMask, KnowsPluralsAndVerbForms) {
  const WordMask mask = mask_of({"turnip", "plum", "bake", "berry", "fox"});
  for (const char* form :
       {"turnips", "turniped", "turniping", "plummed", "plumming", "baked", "baking", "bakes", "berries", "foxes"})
    EXPECT_TRUE(mask.matches(form)) << form;
  for (const char* other : {"turni", "turniper", "parsnip", "plumber", "bak", "berr", "s", "ing"})
    EXPECT_FALSE(mask.matches(other)) << other;
}

TEST(WordMask, LeavesWordsAloneThatOnlyHoldAListedOne) {
  const WordMask mask = mask_of({"ham"});
  EXPECT_EQ(mask.mask("Hamlet in Birmingham had ham's"), "Hamlet in Birmingham had h**'s");
}

TEST(WordMask, EndsWordsAtPunctuationAndKeepsOddBytes) {
  const WordMask mask = mask_of({"turnip"});
  EXPECT_EQ(mask.mask("«turnip»turnip—turnip_turnip\xFFturnip\xE2\x82"),
            "«t*****»t*****—t*****_t*****\xFFt*****\xE2\x82");
}

TEST(WordMask, MasksLettersNotBytes) {
  const WordMask mask = mask_of({"Öläl", "РЕПА"});
  EXPECT_EQ(mask.mask("öLÄL репа"), "ö*** р***");
}

TEST(WordMask, MatchesPhrasesAcrossAnySpace) {
  const WordMask mask = mask_of({"old turnip"});
  EXPECT_EQ(mask.mask("an  Old-\nturnips soup, old soup, turnip"), "an  O**-\nt****** soup, old soup, turnip");
}

TEST(WordMask, ReadsALexiconFile) {
  TempDir dir;
  WordMask mask;
  mask.add_lexicon(dir.write("words.txt", "# fruit\nQuince\n\nsour plum\n"));
  EXPECT_EQ(mask.mask("quinces, sour plums, plums"), "q******, s*** p****, plums");
  for (const char* bad : {"fine\n\xFF\n", "fine\n!?\n", "fine\na b c d e f g\n"}) {
    const auto path = dir.write("bad.txt", bad);
    try {
      mask.add_lexicon(path);
      ADD_FAILURE() << bad;
    } catch (const FormatError& error) {
      EXPECT_NE(std::string(error.what()).find("bad.txt:2"), std::string::npos) << error.what();
    }
  }
  EXPECT_THROW(mask.add_lexicon(dir.path() / "absent.txt"), IoError);
}

TEST(WordMask, HasABuiltInListThatLeavesEverydayWordsAlone) {
  EXPECT_TRUE(std::is_sorted(kMaskedWordHashes.begin(), kMaskedWordHashes.end()));
  const WordMask mask;
  EXPECT_EQ(mask.mask("Two nudes"), "Two n****");
  const std::string plain =
      "The doctor's classes in Scunthorpe assess cocktails, grapes and a therapist's shuttlecock.";
  EXPECT_EQ(mask.mask(plain), plain);
}

TEST(LowerCase, ChangesLettersOneToOne) {
  EXPECT_EQ(lower_case("ABZ az 19"), "abz az 19");
  EXPECT_EQ(lower_case("ÀÞ×ßÿ ĀāŁŹž ΑΩ АЯЁЏ"), "àþ×ßÿ āāłźž αω аяёџ");
  EXPECT_EQ(lower_case("\xC3"), "\xC3");
  EXPECT_EQ(lower_case("\xD0Z\xFF"), "\xD0z\xFF");
}

// The list the hashes were made from is not in the repository; nothing of it is printed.
TEST(WordMaskGolden, MasksEverySingleWordOfTheListItWasMadeFrom) {
  const auto path = testing_support::shared_dir() / "data" / "lexicons" / "bad_words.txt";
  LIMPID_REQUIRE_PATH(path);
  const WordMask mask;
  size_t words = 0, missed = 0;
  for_each_line(read_file(path), [&](std::string_view line, size_t) {
    const bool single = std::all_of(line.begin(), line.end(), [](char c) { return std::isalnum(uint8_t(c)); });
    words += single;
    missed += single && !mask.matches(line);
  });
  EXPECT_EQ(missed, 0u);
  EXPECT_EQ(words, kMaskedWordHashes.size());
}

}  // namespace
}  // namespace limpid
