#include "limpid/checkpoints/safetensors.h"

#include <gtest/gtest.h>

#include "limpid/core/error.h"
#include "tests/checkpoints/builders.h"
#include "tests/support/walk.h"

namespace limpid {
namespace {

using test_builders::safetensors;
using test_builders::view;
using testing_support::TempDir;

TEST(Safetensors, GivesBackNamesShapesValuesAndMetadata) {
  TempDir dir;
  const std::vector<float> weight = {1, 2, 3, 4, 5, 6};
  const std::vector<int64_t> ids = {-7, 9};
  write_safetensors(dir.path() / "a.safetensors",
                    {view("weight", DType::F32, {2, 3}, weight), view("ids", DType::I64, {2}, ids)},
                    {{"made by", "a \"test\"\n"}});
  const auto file = SafetensorsFile::open(dir.path() / "a.safetensors");
  ASSERT_EQ(file->tensors().size(), 2u);
  EXPECT_EQ(file->tensors()[0].name, "weight");
  EXPECT_EQ(file->at("weight").shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(to_floats(file->at("weight")), weight);
  EXPECT_EQ(to_integers(file->at("ids")), ids);
  EXPECT_EQ(file->metadata().at("made by"), "a \"test\"\n");
  EXPECT_EQ(file->find("bias"), nullptr);
}

TEST(Safetensors, KeepsScalarsAndEmptyTensors) {
  TempDir dir;
  const std::vector<float> one = {5}, none;
  write_safetensors(dir.path() / "a.safetensors",
                    {view("scalar", DType::F32, {}, one), view("empty", DType::F32, {0, 4}, none)});
  const auto file = SafetensorsFile::open(dir.path() / "a.safetensors");
  EXPECT_EQ(to_floats(file->at("scalar")), one);
  EXPECT_TRUE(to_floats(file->at("empty")).empty());
}

TEST(Safetensors, ReadsFloatsThatLieAtOddAddresses) {
  // One byte, then a float: the format does not align tensors.
  const std::string bytes = safetensors(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                        R"("b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
                                        std::string("\x07\x00\x00\x80\x3f", 5));
  const auto file = SafetensorsFile::parse(std::as_bytes(std::span(bytes)), "odd");
  EXPECT_EQ(to_floats(file->at("b")), std::vector<float>{1.0f});
  EXPECT_EQ(to_integers(file->at("a")), std::vector<int64_t>{7});
}

TEST(Safetensors, RefusesToWriteWhatTheFormatDoesNotHave) {
  TempDir dir;
  const fs::path path = dir.path() / "a.safetensors";
  const std::vector<float> one = {5};
  const std::string block(18, '\0');
  EXPECT_THROW(write_safetensors(path, {view("x", DType::F32, {1}, one), view("x", DType::F32, {1}, one)}),
               ConfigError);
  EXPECT_THROW(write_safetensors(path, {view("x", DType::Q4_0, {32}, block)}), ConfigError);
  EXPECT_THROW(write_safetensors(path, {view("x", DType::F32, {2}, one)}), ConfigError);
  EXPECT_THROW(write_safetensors(path, {view("__metadata__", DType::F32, {1}, one)}), ConfigError);
  EXPECT_THROW(write_safetensors(path, {view("\xff", DType::F32, {1}, one)}), ConfigError);
  EXPECT_TRUE(fs::is_empty(dir.path()));
}

TEST(Safetensors, NamesFileAndTensorThatIsMissing) {
  TempDir dir;
  const std::vector<float> one = {5};
  write_safetensors(dir.path() / "a.safetensors", {view("x", DType::F32, {1}, one)});
  const auto file = Checkpoint::open(dir.path() / "a.safetensors");
  try {
    file->at("lm_head.weight");
    FAIL();
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("a.safetensors: tensor \"lm_head.weight\" is missing"), std::string::npos);
  }
  EXPECT_THROW(to_integers(file->at("x")), ShapeError);
}

TEST(Checkpoint, FollowsTheIndexOfAShardedFolder) {
  TempDir dir;
  const std::vector<float> one = {1}, two = {2};
  write_safetensors(dir.path() / "model-1.safetensors", {view("a", DType::F32, {1}, one)});
  write_safetensors(dir.path() / "model-2.safetensors", {view("b", DType::F32, {1}, two)});
  dir.write("model.safetensors.index.json", R"({"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}})");
  const auto checkpoint = Checkpoint::open(dir.path());
  EXPECT_EQ(checkpoint->tensors().size(), 2u);
  EXPECT_EQ(to_floats(checkpoint->at("a")), one);
  EXPECT_EQ(to_floats(checkpoint->at("b")), two);
}

TEST(Checkpoint, SaysWhichShardOrTensorIsMissing) {
  TempDir dir;
  const std::vector<float> one = {1};
  write_safetensors(dir.path() / "model-1.safetensors", {view("a", DType::F32, {1}, one)});
  const auto message = [&](const std::string& map) -> std::string {
    dir.write("model.safetensors.index.json", R"({"weight_map":)" + map + "}");
    try {
      Checkpoint::open(dir.path());
    } catch (const FormatError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_NE(message(R"({"a":"model-2.safetensors"})").find("shard \"model-2.safetensors\" is missing"),
            std::string::npos);
  EXPECT_NE(message(R"({"b":"model-1.safetensors"})").find("tensor \"b\" is not in \"model-1.safetensors\""),
            std::string::npos);
  EXPECT_NE(message(R"({"a":"../model-1.safetensors"})").find("expected the name of a file in the same folder"),
            std::string::npos);
  EXPECT_NE(message(R"({"a":5})").find("expected a file name"), std::string::npos);
  EXPECT_NE(message(R"({"a":")" + std::string(300, 'x') + R"("})").find("is missing"), std::string::npos)
      << "a name longer than any file's";
  EXPECT_NE(message("[]").find("weight_map"), std::string::npos);
}

TEST(Checkpoint, RefusesPickleAndSaysHowToConvert) {
  TempDir dir;
  dir.write("pytorch_model.bin", "PK\x03\x04");
  for (const fs::path& path : {dir.path(), dir.path() / "pytorch_model.bin"}) {
    try {
      Checkpoint::open(path);
      FAIL();
    } catch (const FormatError& error) {
      EXPECT_NE(std::string(error.what()).find("safe_serialization=True"), std::string::npos);
    }
  }
}

TEST(Checkpoint, RefusesFoldersWithoutWeightsAndFilesThatAreSomethingElse) {
  TempDir dir;
  EXPECT_THROW(Checkpoint::open(dir.path()), FormatError);
  EXPECT_THROW(Checkpoint::open(dir.path() / "absent"), IoError);
  EXPECT_THROW(Checkpoint::open(dir.write("notes.txt", "hello, this is a text")), FormatError);
}

TEST(Safetensors, ListsTensorsOfOtherTypesAndRefusesThemWhenAskedFor) {
  const std::string header =
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F8_E8M0","shape":[2,2],"data_offsets":[4,8]}})";
  const std::string bytes = safetensors(header, std::string(8, '\0'));
  const auto file = SafetensorsFile::parse(std::as_bytes(std::span(bytes)), "odd.safetensors");
  EXPECT_EQ(file->tensors().size(), 1u);
  EXPECT_NE(file->find("a"), nullptr);
  ASSERT_EQ(file->others().size(), 1u);
  EXPECT_EQ(file->others()[0].type, "F8_E8M0");
  EXPECT_EQ(file->others()[0].bytes, 4u);
  EXPECT_EQ(file->find("c"), nullptr);
  try {
    file->find("b");
    ADD_FAILURE() << "was found";
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("tensor \"b\" has type F8_E8M0, which is not supported"),
              std::string::npos);
  }
  EXPECT_THROW(file->require_all(), FormatError);
}

TEST(Checkpoint, AFolderOfSeveralFilesListsOtherTypesToo) {
  TempDir dir;
  dir.write("one.safetensors",
            safetensors(R"({"b":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}})", std::string(8, '\0')));
  dir.write("model.safetensors.index.json", R"({"weight_map": {"b": "one.safetensors"}})");
  const auto folder = Checkpoint::open(dir.path());
  ASSERT_EQ(folder->others().size(), 1u);
  EXPECT_THROW(folder->find("b"), FormatError);
}

TEST(CheckpointGolden, OpensEverySafetensorsFile) {
  LIMPID_REQUIRE_PATH(testing_support::golden_dir());
  testing_support::Walk walk;
  for (const auto& entry : fs::recursive_directory_iterator(testing_support::golden_dir()))
    if (entry.path().extension() == ".safetensors")
      walk.visit(entry.path().string(), [&] { EXPECT_FALSE(SafetensorsFile::open(entry.path())->tensors().empty()); });
  walk.finish("safetensors files of the golden folder");
}

TEST(CheckpointGolden, OpensEveryModelFolderOrRefusesItsPickle) {
  testing_support::for_each_golden_folder({"models"}, "config.json", [](const fs::path& folder) {
    if (fs::exists(folder / "pytorch_model.bin"))
      EXPECT_THROW(Checkpoint::open(folder), FormatError);
    else
      EXPECT_FALSE(Checkpoint::open(folder)->tensors().empty());
  });
}

}  // namespace
}  // namespace limpid
