#include "limpid/decoding/continuation_text.h"

#include "limpid/core/random.h"
#include "limpid/tokenizers/unicode.h"
#include "tests/methods/toy_models.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using namespace testing_support;

/// A token for each byte; id 0 is special and has none.
class Bytes : public testing::Test {
 protected:
  TempDir folder_;
  std::shared_ptr<const Tokenizer> tokenizer_ =
      open_exact(write_toy_gpt2(folder_.path() / "toy", {.merges = {"a b"}}))->tokenizer();
  static TokenId id(char byte) { return TokenId(uint8_t(byte)) + 1; }
};
using ContinuationTextOfBytes = Bytes;

TEST_F(ContinuationTextOfBytes, ShowsWholeCharactersAndTheRestAtTheEnd) {
  ContinuationText text(tokenizer_, {});
  EXPECT_EQ(text.push(id('f')), "f");
  EXPECT_EQ(text.push(0), "");
  EXPECT_EQ(text.push(id('\xc3')), "");
  EXPECT_EQ(text.push(id('\xbc')), "\xc3\xbc");
  EXPECT_EQ(text.push(id('\xe2')), "");
  EXPECT_EQ(text.finish(), "\xef\xbf\xbd");
  EXPECT_EQ(text.text(), "f\xc3\xbc\xef\xbf\xbd");
  EXPECT_FALSE(text.is_stopped());
}

TEST_F(ContinuationTextOfBytes, HoldsBackWhatMayBecomeAStopStringAndEndsBeforeIt) {
  ContinuationText text(tokenizer_, {"xyz", "y!"});
  std::string shown;
  for (char byte : std::string("axyx")) shown += text.push(id(byte));
  EXPECT_EQ(shown, "axy");
  EXPECT_EQ(text.push(id('y')), "");
  EXPECT_EQ(text.push(id('!')), "x");
  EXPECT_TRUE(text.is_stopped());
  EXPECT_EQ(text.finish(), "");
  EXPECT_EQ(text.text(), "axyx");
}

TEST_F(ContinuationTextOfBytes, WithoutATokenizerThereIsNoText) {
  ContinuationText text(nullptr, {"a"});
  EXPECT_EQ(text.push(5) + text.finish() + text.text(), "");
}

/// What decoding all ids anew at each token comes to.
std::string text_decoded_anew(const Tokenizer& tokenizer, const TokenIds& ids, const std::vector<std::string>& stops,
                              size_t& tokens) {
  std::string bytes, text;
  for (tokens = 0; tokens < ids.size();) {
    bytes += tokenizer.token_bytes(ids[tokens++]);
    text = to_valid_utf8(bytes);
    size_t cut = std::string::npos;
    for (const std::string& stop : stops) cut = std::min(cut, text.find(stop));
    if (cut != std::string::npos) return text.substr(0, cut);
  }
  return text;
}

TEST_F(ContinuationTextOfBytes, IsWhatDecodingAllTokensAnewGives) {
  RandomStream random(4);
  const TokenIds alphabet = {id('a'),    id('b'),    id('c'),    257,        0,
                             id('\xc3'), id('\xbc'), id('\xe2'), id('\x82'), id('\xac')};
  const std::vector<std::string> pieces = {"a", "b", "ab", "ba", "c", "\xc3\xbc", "\xe2\x82\xac", "aa"};
  for (int round = 0; round < 2000; ++round) {
    TokenIds ids;
    for (int i = 0; i < 12; ++i) ids.push_back(alphabet[random.next_below(alphabet.size())]);
    std::vector<std::string> stops;
    for (uint64_t s = 0; s < 1 + random.next_below(3); ++s) {
      std::string& stop = stops.emplace_back();
      for (uint64_t p = 0; p < 1 + random.next_below(3); ++p) stop += pieces[random.next_below(pieces.size())];
    }
    ContinuationText text(tokenizer_, stops);
    std::string shown;
    size_t pushed = 0, expected_tokens = 0;
    while (pushed < ids.size() && !text.is_stopped()) shown += text.push(ids[pushed++]);
    shown += text.finish();
    EXPECT_EQ(text.text(), text_decoded_anew(*tokenizer_, ids, stops, expected_tokens)) << "round " << round;
    EXPECT_EQ(shown, text.text()) << "round " << round;
    EXPECT_EQ(pushed, expected_tokens) << "round " << round;
  }
}

}  // namespace
}  // namespace limpid
