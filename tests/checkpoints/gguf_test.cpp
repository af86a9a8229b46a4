#include "limpid/checkpoints/gguf.h"

#include <gtest/gtest.h>

#include <chrono>

#include "limpid/core/error.h"
#include "tests/checkpoints/builders.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using namespace test_builders;
using testing_support::TempDir;

std::shared_ptr<const GgufFile> parse(const std::string& bytes) {
  return GgufFile::parse(std::as_bytes(std::span(bytes)), "test.gguf");
}

TEST(Gguf, ReadsEveryMetadataType) {
  GgufBytes file;
  file.entries = {
      gguf_entry("u8", 0, raw(uint8_t(200))),
      gguf_entry("i8", 1, raw(int8_t(-3))),
      gguf_entry("u16", 2, raw(uint16_t(60000))),
      gguf_entry("i16", 3, raw(int16_t(-300))),
      gguf_entry("u32", 4, raw(uint32_t(4000000000u))),
      gguf_entry("i32", 5, raw(int32_t(-70000))),
      gguf_entry("f32", 6, raw(0.5f)),
      gguf_entry("bool", 7, raw(uint8_t(1))),
      gguf_entry("text", 8, text("hé")),
      gguf_entry("u64", 10, raw(uint64_t(1) << 40)),
      gguf_entry("i64", 11, raw(int64_t(-5))),
      gguf_entry("f64", 12, raw(0.25)),
      gguf_entry("texts", 9, raw(uint32_t(8)) + raw(uint64_t(2)) + text("a") + text("")),
      gguf_entry("ints", 9, raw(uint32_t(5)) + raw(uint64_t(2)) + raw(int32_t(-1)) + raw(int32_t(7))),
      gguf_entry("floats", 9, raw(uint32_t(6)) + raw(uint64_t(1)) + raw(1.5f)),
      gguf_entry("bools", 9, raw(uint32_t(7)) + raw(uint64_t(2)) + raw(uint8_t(0)) + raw(uint8_t(1))),
  };
  const std::string bytes = file.bytes();
  const auto gguf = parse(bytes);
  EXPECT_EQ(gguf->integer("u8"), 200);
  EXPECT_EQ(gguf->integer("i8"), -3);
  EXPECT_EQ(gguf->integer("u16"), 60000);
  EXPECT_EQ(gguf->integer("i16"), -300);
  EXPECT_EQ(gguf->integer("u32"), 4000000000);
  EXPECT_EQ(gguf->integer("i32"), -70000);
  EXPECT_EQ(gguf->number("f32"), 0.5);
  EXPECT_EQ(gguf->number("i8"), -3.0);
  EXPECT_TRUE(gguf->boolean("bool"));
  EXPECT_EQ(gguf->text("text"), "hé");
  EXPECT_EQ(gguf->integer("u64"), int64_t(1) << 40);
  EXPECT_EQ(gguf->integer("i64"), -5);
  EXPECT_EQ(gguf->number("f64"), 0.25);
  EXPECT_EQ(gguf->texts("texts"), (std::vector<std::string_view>{"a", ""}));
  EXPECT_EQ(gguf->integers("ints"), (std::vector<int64_t>{-1, 7}));
  EXPECT_EQ(gguf->numbers("floats"), std::vector<double>{1.5});
  EXPECT_EQ(std::get<std::vector<bool>>(gguf->metadata().at("bools").value), (std::vector<bool>{false, true}));
  EXPECT_EQ(gguf->integer_or("absent", 5), 5);
  EXPECT_TRUE(gguf->tensors().empty());
}

TEST(Gguf, StringListsAreViewsIntoTheFile) {
  GgufBytes file;
  file.entries = {gguf_entry("texts", 9, raw(uint32_t(8)) + raw(uint64_t(1)) + text("abc"))};
  const std::string bytes = file.bytes();
  const auto gguf = parse(bytes);
  const char* at = gguf->texts("texts")[0].data();
  EXPECT_GE(at, bytes.data());
  EXPECT_LT(at, bytes.data() + bytes.size());
}

TEST(Gguf, TypedAccessNamesTheKeyAndBothKinds) {
  GgufBytes file;
  file.entries = {gguf_entry("llama.block_count", 8, text("thirty"))};
  const std::string bytes = file.bytes();
  const auto gguf = parse(bytes);
  try {
    gguf->integer("llama.block_count");
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_STREQ(error.what(), "[gguf] test.gguf: metadata \"llama.block_count\" is a string, expected an integer");
  }
  EXPECT_THROW(gguf->text("absent"), FormatError);
}

TEST(Gguf, ReversesDimensionsAndHonoursTheAlignmentKey) {
  GgufBytes file;
  file.version = 2;
  file.entries = {gguf_entry("general.alignment", 4, raw(uint32_t(8)))};
  file.infos = {gguf_info("a", {3, 2}, 0, 0), gguf_info("b", {1}, 0, 24)};
  std::string bytes = file.bytes();
  const size_t infos_end = 4 + 4 + 8 + 8 + file.entries[0].size() + file.infos[0].size() + file.infos[1].size();
  bytes.resize((infos_end + 7) / 8 * 8);  // the builder pads to 32
  for (float value : {1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f}) bytes += raw(value);
  const auto gguf = parse(bytes);
  EXPECT_EQ(gguf->at("a").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(to_floats(gguf->at("a")), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(to_floats(gguf->at("b")), std::vector<float>{7});
}

TEST(Gguf, GivesBackWhatWasWritten) {
  TempDir dir;
  const fs::path path = dir.path() / "a.gguf";
  const std::vector<float> weight = {1, 2, 3, 4, 5, 6};
  const std::string blocks(2 * 18, '\x11');
  const std::map<std::string, GgufValue> metadata = {
      {"general.architecture", {std::string("llama")}},
      {"llama.block_count", {int64_t(30)}},
      {"negative", {int64_t(-2)}},
      {"large", {int64_t(1) << 40}},
      {"eps", {0.5}},
      {"yes", {true}},
      {"tokens", {std::vector<std::string_view>{"a", "bc", ""}}},
      {"types", {std::vector<int64_t>{1, -3}}},
      {"scores", {std::vector<double>{0.25, -1}}},
      {"flags", {std::vector<bool>{true, false}}},
  };
  write_gguf(path, metadata, {view("w", DType::F32, {2, 3}, weight), view("q", DType::Q4_0, {2, 32}, blocks)});
  const auto gguf = GgufFile::open(path);
  ASSERT_EQ(gguf->metadata().size(), metadata.size());
  for (const auto& [key, value] : metadata) EXPECT_EQ(gguf->metadata().at(key).value, value.value) << key;
  EXPECT_EQ(to_floats(gguf->at("w")), weight);
  EXPECT_EQ(gguf->at("q").dtype, DType::Q4_0);
  EXPECT_EQ(gguf->at("q").shape, (std::vector<int64_t>{2, 32}));
  EXPECT_EQ(std::memcmp(gguf->at("q").data.data(), blocks.data(), blocks.size()), 0);
}

TEST(Gguf, RefusesToWriteWhatTheFormatDoesNotHave) {
  TempDir dir;
  const std::vector<float> one = {5};
  const std::vector<uint8_t> byte = {5};
  const fs::path path = dir.path() / "a.gguf";
  EXPECT_THROW(write_gguf(path, {}, {view("x", DType::F32, {1}, one), view("x", DType::F32, {1}, one)}), ConfigError);
  EXPECT_THROW(write_gguf(path, {}, {view("x", DType::U8, {1}, byte)}), ConfigError);
  EXPECT_THROW(write_gguf(path, {}, {view("x", DType::F32, {2}, one)}), ConfigError);
  EXPECT_THROW(write_gguf(path, {{"general.alignment", {int64_t(64)}}}, {}), ConfigError);
  EXPECT_TRUE(fs::is_empty(dir.path()));
}

TEST(Gguf, ListsTensorsOfOtherTypesUpToTheNextAndRefusesThemWhenAskedFor) {
  GgufBytes file;
  file.infos = {gguf_info("odd", {256}, 15, 0), gguf_info("plain", {4}, 0, 96), gguf_info("new", {32}, 99, 128)};
  file.data = std::string(192, '\0');
  const auto gguf = parse(file.bytes());
  ASSERT_EQ(gguf->others().size(), 2u);
  EXPECT_EQ(gguf->others()[0].type, "Q8_K");
  EXPECT_EQ(gguf->others()[0].bytes, 96u);
  EXPECT_EQ(gguf->others()[1].type, "ggml type 99");
  EXPECT_EQ(gguf->others()[1].bytes, 64u);
  EXPECT_EQ(to_floats(gguf->at("plain")), std::vector<float>(4, 0.0f));
  EXPECT_THROW(gguf->find("odd"), FormatError);
  EXPECT_THROW(gguf->at("new"), FormatError);
}

TEST(GgufReal, OpensABigVocabularyInTensOfMilliseconds) {
  const fs::path path = testing_support::pulled_model_dir("gemma-3-270m") / "gemma-3-270m-q4_k_m.gguf";
  LIMPID_REQUIRE_PATH(path);
  GgufFile::open(path);  // once to bring the pages in
  const auto start = std::chrono::steady_clock::now();
  const auto gguf = GgufFile::open(path);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  EXPECT_GE(gguf->texts("tokenizer.ggml.tokens").size(), 262144u);
  RecordProperty("milliseconds", int(seconds * 1000));
  EXPECT_LT(seconds, 0.5);  // twenty times what it takes on a quiet machine
}

}  // namespace
}  // namespace limpid
