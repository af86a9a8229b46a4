#include <gtest/gtest.h>

#include "limpid/checkpoints/gguf.h"
#include "limpid/core/error.h"
#include "tests/checkpoints/builders.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using namespace test_builders;
using testing_support::TempDir;

/// A part with one number as its tensor; the first one says how many tensors there are.
std::string part(uint16_t number, uint16_t count, const std::string& tensor, float value, int32_t tensors = 3) {
  GgufBytes file;
  file.entries = {gguf_entry("split.no", 2, raw(number)), gguf_entry("split.count", 2, raw(count)),
                  gguf_entry("split.tensors.count", 5, raw(tensors))};
  if (number == 0) file.entries.push_back(gguf_entry("general.name", 8, text("whole")));
  file.infos = {gguf_info(tensor, {1}, 0, 0)};
  file.data = raw(value);
  return file.bytes();
}

std::string name_of_part(int number) { return "m-0000" + std::to_string(number) + "-of-00003.gguf"; }

void write_parts(const TempDir& dir) {
  for (int number : {1, 2, 3})
    dir.write(name_of_part(number),
              part(uint16_t(number - 1), 3, std::string(1, char('a' + number - 1)), float(number)));
}

std::string error_of(const fs::path& path) {
  try {
    GgufFile::open(path);
  } catch (const FormatError& error) {
    return error.what();
  }
  return "was opened";
}

TEST(SplitGguf, AnyPartOpensTheWholeModel) {
  TempDir dir;
  write_parts(dir);
  for (int number : {1, 2, 3}) {
    const auto whole = GgufFile::open(dir.path() / name_of_part(number));
    EXPECT_EQ(whole->tensors().size(), 3u);
    EXPECT_EQ(to_floats(whole->at("a")).front(), 1.0f);
    EXPECT_EQ(to_floats(whole->at("c")).front(), 3.0f);
    EXPECT_EQ(whole->text("general.name"), "whole");
    EXPECT_EQ(whole->source(), (dir.path() / name_of_part(1)).string());
  }
}

TEST(SplitGguf, AFolderOfPartsHoldsOneModel) {
  TempDir dir;
  write_parts(dir);
  EXPECT_EQ(gguf_models(dir.path()), std::vector<fs::path>{dir.path() / name_of_part(1)});
  EXPECT_EQ(Checkpoint::open(dir.path())->tensors().size(), 3u);
  dir.write("other.gguf", part(0, 1, "a", 1));
  EXPECT_EQ(gguf_models(dir.path()).size(), 2u);
}

TEST(SplitGguf, NamesThePartThatIsMissing) {
  TempDir dir;
  write_parts(dir);
  fs::remove(dir.path() / name_of_part(2));
  EXPECT_NE(error_of(dir.path() / name_of_part(3)).find("m-00002-of-00003.gguf: part 2 of 3 is missing"),
            std::string::npos);
}

TEST(SplitGguf, RefusesPartsOfAnotherNameNumberOrModel) {
  TempDir dir;
  write_parts(dir);
  fs::copy_file(dir.path() / name_of_part(1), dir.path() / "renamed.gguf");
  EXPECT_NE(error_of(dir.path() / "renamed.gguf").find("expected a name that ends in \"-00001-of-00003.gguf\""),
            std::string::npos);
  dir.write(name_of_part(2), part(2, 3, "b", 2));
  EXPECT_NE(error_of(dir.path() / name_of_part(1)).find("is part 3 of 3 by its metadata"), std::string::npos);
  dir.write(name_of_part(2), part(1, 3, "a", 2));
  EXPECT_NE(error_of(dir.path() / name_of_part(1)).find("tensor \"a\" is in another part, too"), std::string::npos);
  dir.write(name_of_part(1), part(0, 3, "a", 1, 4));
  dir.write(name_of_part(2), part(1, 3, "b", 2));
  EXPECT_NE(error_of(dir.path() / name_of_part(1)).find("hold 3 tensors, expected 4"), std::string::npos);
  dir.write(name_of_part(2), part(7, 3, "b", 2));
  EXPECT_NE(error_of(dir.path() / name_of_part(2)).find("part 7 (counted from 0) of 3"), std::string::npos);
}

TEST(SplitGguf, TensorsOfTypesThatAreNotReadAreListedOfEveryPart) {
  TempDir dir;
  write_parts(dir);
  GgufBytes file;
  file.entries = {gguf_entry("split.no", 2, raw(uint16_t(1))), gguf_entry("split.count", 2, raw(uint16_t(3)))};
  file.infos = {gguf_info("b", {32}, 9, 0)};  // Q8_1
  file.data = std::string(64, '\0');
  dir.write(name_of_part(2), file.bytes());
  const auto whole = GgufFile::open(dir.path() / name_of_part(1));
  EXPECT_EQ(whole->tensors().size(), 2u);
  ASSERT_EQ(whole->others().size(), 1u);
  EXPECT_EQ(whole->others()[0].name, "b");
  EXPECT_THROW(whole->find("b"), FormatError);
}

TEST(Gguf, MultipliesNvfp4WeightsByTheScaleBesideThem) {
  GgufBytes file;
  file.infos = {gguf_info("blk.0.ffn_up.weight", {64, 1}, 40, 0), gguf_info("blk.0.ffn_up.scale", {1}, 0, 64)};
  file.data =
      std::string(4, '\x38') + std::string(32, '\x22') + std::string(28, '\0') + raw(0.5f);  // scales and codes of 1
  const std::string bytes = file.bytes();
  const auto gguf = GgufFile::parse(std::as_bytes(std::span(bytes)), "test.gguf");
  std::vector<std::byte> storage;
  const TensorView loaded = gguf->load(gguf->at("blk.0.ffn_up.weight"), storage);
  EXPECT_EQ(loaded.dtype, DType::F32);
  EXPECT_EQ(to_floats(loaded), std::vector<float>(64, 0.5f));
}

TEST(SplitGguf, TensorsOfOtherTypesAreListedAndRefusedWhereTheyAreNeeded) {
  TempDir dir;
  write_parts(dir);
  GgufBytes file;
  file.entries = {gguf_entry("split.no", 2, raw(uint16_t(1))), gguf_entry("split.count", 2, raw(uint16_t(3)))};
  file.infos = {gguf_info("b", {256}, 15, 0)};  // Q8_K
  file.data.resize(292);
  dir.write(name_of_part(2), file.bytes());
  const auto whole = GgufFile::open(dir.path() / name_of_part(1));
  ASSERT_EQ(whole->others().size(), 1u);
  EXPECT_EQ(whole->others()[0].name, "b");
  EXPECT_THROW(whole->at("b"), FormatError);
}

}  // namespace
}  // namespace limpid
