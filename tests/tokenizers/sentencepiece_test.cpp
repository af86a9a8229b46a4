#include <gtest/gtest.h>

#include <cstring>

#include "limpid/tokenizers/token_types.h"
#include "tests/tokenizers/tiny.h"

// SentencePiece's model files with a few pieces, and the files beside them. tests/peers compares trained ones with the
// library.
namespace limpid {
namespace {

using testing_support::TempDir;

std::string number(uint64_t value) {
  std::string out;
  for (; value > 127; value >>= 7) out += char(value | 128);
  return out + char(value);
}
std::string field(uint64_t id, std::string_view bytes) {
  return number(id << 3 | 2) + number(bytes.size()) + std::string(bytes);
}
std::string field(uint64_t id, uint64_t value) { return number(id << 3) + number(value); }

std::string piece(std::string_view name, float score, int64_t type = kNormalToken) {
  std::string bytes(4, '\0');
  std::memcpy(bytes.data(), &score, 4);
  return field(1, field(1, name) + number(2 << 3 | 5) + bytes + field(3, uint64_t(type)));
}

constexpr uint64_t kUnigram = 1, kBpe = 2;

/// <unk> <s> </s> ▁ a b ab ▁a cc, of which cc is user-defined.
std::string model_file(uint64_t kind = kBpe, int64_t type_of_ab = kNormalToken) {
  return piece("<unk>", 0, kUnknownToken) + piece("<s>", 0, kControlToken) + piece("</s>", 0, kControlToken) +
         piece("▁", -10) + piece("a", -11) + piece("b", -12) + piece("ab", -1, type_of_ab) + piece("▁a", -2) +
         piece("cc", 0, kUserDefinedToken) + field(2, field(3, kind)) + field(3, field(4, uint64_t(0)));
}

struct Folder {
  TempDir dir;
  explicit Folder(const std::string& model = model_file()) { dir.write("tokenizer.model", model); }
  TokenIds ids(std::string_view text) const { return open_tokenizer(dir.path())->encode(text, false); }
};

TEST(SentencePieceFiles, UserDefinedPiecesStayWhole) { EXPECT_EQ(Folder().ids("ab acc"), (TokenIds{3, 6, 7, 8})); }

TEST(SentencePieceFiles, TokensOfTheFilesBesideThemAreFoundBehindTheLastPiece) {
  for (const uint64_t kind : {kBpe, kUnigram}) {
    const Folder folder(model_file(kind));
    folder.dir.write("added_tokens.json", R"({"<x>": 9, "<y>": 10})");
    folder.dir.write("special_tokens_map.json", R"({"additional_special_tokens": ["<y>"]})");
    EXPECT_EQ(folder.ids("ab<x>ab<y>cc<x>"), (TokenIds{3, 6, 9, 6, 10, 8, 9})) << kind;
    const auto tokenizer = open_tokenizer(folder.dir.path());
    EXPECT_EQ(tokenizer->vocab_size(), 11u);
    EXPECT_TRUE(tokenizer->is_special(10));
    EXPECT_EQ(tokenizer->decode(TokenIds{3, 6, 9}, false), "ab<x>");
  }
}

TEST(SentencePieceFiles, NamedPiecesKeepTheirIds) {
  const Folder folder;
  folder.dir.write("tokenizer_config.json", R"({"pad_token": "ab", "bos_token": "<s>", "added_tokens_decoder": {
    "1": {"content": "<s>", "special": true}, "8": {"content": "cc"}}})");
  const auto tokenizer = open_tokenizer(folder.dir.path());
  EXPECT_EQ(tokenizer->vocab_size(), 9u);
  EXPECT_EQ(tokenizer->pad(), 6);
  EXPECT_TRUE(tokenizer->is_special(6));
  EXPECT_EQ(folder.ids("<s>accab"), (TokenIds{1, 4, 8, 6}));
}

TEST(SentencePieceFiles, SplitUnusedPiecesIntoTheirPartsAgain) {
  EXPECT_EQ(Folder(model_file(kBpe, kUnusedToken)).ids("ab"), (TokenIds{3, 4, 5}));
}

}  // namespace
}  // namespace limpid
