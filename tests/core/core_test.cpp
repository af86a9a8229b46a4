#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <fstream>

#include "limpid/core/files.h"
#include "limpid/core/half.h"
#include "limpid/core/json.h"
#include "limpid/core/number_text.h"
#include "limpid/core/random.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

// Known answers of Random123 (kat_vectors, philox4x32 10).
TEST(Philox, GivesThePublishedWords) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Uniform, DependsOnEachPartOfItsKeyAndStaysBelowOne) {
  const float base = uniform(1, 2, 3, 4);
  EXPECT_EQ(base, uniform(1, 2, 3, 4));
  for (float other : {uniform(2, 2, 3, 4), uniform(1, 3, 3, 4), uniform(1, 2, 4, 4), uniform(1, 2, 3, 5)}) {
    EXPECT_NE(base, other);
    EXPECT_GE(other, 0.0f);
    EXPECT_LT(other, 1.0f);
  }
}

TEST(RandomStream, ContinuesFromAnyPosition) {
  RandomStream whole(7), resumed(7);
  for (int i = 0; i < 11; ++i) whole.next_u32();
  resumed.seek(11);
  EXPECT_EQ(whole.next_u32(), resumed.next_u32());
}

TEST(Half, RoundTripsEveryFiniteValue) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float f16 = f16_to_float(uint16_t(bits)), bf16 = bf16_to_float(uint16_t(bits));
    if (!std::isnan(f16)) {
      EXPECT_EQ(float_to_f16(f16), bits);
    }
    if (!std::isnan(bf16)) {
      EXPECT_EQ(float_to_bf16(bf16), bits);
    }
  }
}

TEST(Half, RoundsToNearestEven) {
  EXPECT_EQ(f16_to_float(float_to_f16(1.0f + 0x1p-11f)), 1.0f);  // half way, even below
  EXPECT_EQ(f16_to_float(float_to_f16(1.0f + 3 * 0x1p-11f)), 1.0f + 0x1p-9f);
  EXPECT_EQ(bf16_to_float(float_to_bf16(1.0f + 0x1p-8f)), 1.0f);
  EXPECT_TRUE(std::isinf(f16_to_float(float_to_f16(65520.0f))));
}

TEST(AtomicFile, LeavesNothingBehindWithoutCommit) {
  TempDir dir;
  {
    AtomicFile file(dir.path() / "a.txt");
    file.write("half");
  }
  EXPECT_TRUE(fs::is_empty(dir.path()));
  write_file(dir.path() / "b.txt", "whole");
  EXPECT_EQ(read_file(dir.path() / "b.txt"), "whole");
}

TEST(Sha256, MatchesTheStandardExample) {
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Jsonl, NamesTheLineThatIsWrong) {
  TempDir dir;
  const auto file = dir.write("x.jsonl", "{\"a\": 1}\n\n[2]\n");
  try {
    for_each_jsonl(file, [](const Json&, size_t) {});
    FAIL() << "no error";
  } catch (const FormatError& error) {
    EXPECT_NE(std::string(error.what()).find("x.jsonl:3: found an array"), std::string::npos) << error.what();
  }
}

TEST(NanAsNull, ReplacesPythonsWordsForNoNumberAndLeavesStringsAlone) {
  EXPECT_EQ(nan_as_null(R"({"a": NaN, "b": [-Infinity,Infinity], "NaN": "NaN \" Infinity"})"),
            R"({"a": null, "b": [null,null], "NaN": "NaN \" Infinity"})");
  EXPECT_EQ(nan_as_null("-1 \"\\"), "-1 \"\\");
  EXPECT_TRUE(parse_json_data(R"({"a": NaN})", "line").at("a").is_null());
  EXPECT_THROW(parse_json_data(R"({"a": NaNs})", "line"), FormatError);
}

TEST(ParseJson, ABombOfBracketsIsRefusedBeforeAnythingRecursesIntoIt) {
  const std::string deep = std::string(300'000, '[') + std::string(300'000, ']');
  EXPECT_THROW(parse_json(deep, "tokenizer.json"), FormatError);
  EXPECT_THROW(parse_json("{\"normalizer\": " + deep + "}", "tokenizer.json"), FormatError);
  EXPECT_NO_THROW(parse_json(std::string(64, '[') + std::string(64, ']'), "tokenizer.json"));
}

TEST(ParseJson, SaysThatNanIsNoNumberWhereOneIsNeeded) {
  for (const std::string word : {"NaN", "Infinity", "-Infinity"}) {
    try {
      parse_json("{\"a\": " + word + "}", "config.json");
      FAIL() << "no error";
    } catch (const FormatError& error) {
      EXPECT_NE(std::string(error.what()).find("is no number of JSON"), std::string::npos) << error.what();
    }
  }
}

TEST(Require, SaysWhatWasFoundAndExpected) {
  const Json config = {{"layers", "three"}};
  try {
    require<int>(config, "layers", "config.json");
    FAIL() << "no error";
  } catch (const FormatError& error) {
    EXPECT_STREQ(error.what(), "config.json: \"layers\" is a string, expected an integer");
  }
  EXPECT_EQ(get_or<int>(config, "absent", 4, "config.json"), 4);
}

TEST(Require, RefusesIntegersThatTheTypeCannotHold) {
  const auto message = [](const char* text, auto type) -> std::string {
    try {
      require<decltype(type)>(Json{{"n", Json::parse(text)}}, "n", "c.json");
    } catch (const FormatError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message("2147483647", int32_t()), "");
  EXPECT_EQ(message("2147483648", int32_t()), "c.json: \"n\" is 2147483648, expected an integer of 32 bits");
  EXPECT_EQ(message("18446744073709551615", int64_t()),
            "c.json: \"n\" is 18446744073709551615, expected an integer of 64 bits");
  EXPECT_EQ(message("18446744073709551615", uint64_t()), "");
  EXPECT_EQ(message("-1", uint64_t()), "c.json: \"n\" is -1, expected an integer of 64 bits, not negative");
  EXPECT_EQ(message("18446744073709551616", uint64_t()), "c.json: \"n\" is a number, expected an integer");
}

TEST(MappedFile, NeedsARegularFileAndDoesNotWaitForAPipe) {
  TempDir dir;
  const fs::path pipe = dir.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const auto message = [](const fs::path& path) -> std::string {
    try {
      MappedFile::open(path);
    } catch (const IoError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message(pipe), pipe.string() + ": is a pipe, expected a regular file");
  EXPECT_EQ(message(dir.path()), dir.path().string() + ": is a folder, expected a regular file");
  EXPECT_EQ(message("/dev/null"), "/dev/null: is a device, expected a regular file");
  EXPECT_EQ(read_text("/dev/null"), "");
}

TEST(MappedFile, IsKnownByItsAddressesAsLongAsItIsMapped) {
  TempDir dir;
  auto file = MappedFile::open(dir.write("a.txt", "some bytes"));
  const void* inside = file->bytes().data() + 4;
  EXPECT_STREQ(mapped_file_at(inside), (dir.path() / "a.txt").c_str());
  EXPECT_EQ(mapped_file_at(&dir), nullptr);
  file.reset();
  EXPECT_EQ(mapped_file_at(inside), nullptr);
}

TEST(StaysBelow, HoldsForRelativePathsThatDoNotClimbOut) {
  for (const char* path : {"model", "a/b", "./a", "a/../b"}) EXPECT_TRUE(stays_below(path)) << path;
  for (const char* path : {"", "..", "../a", "a/../..", "/a", "/"}) EXPECT_FALSE(stays_below(path)) << path;
}

TEST(ReasonOf, IsOneLineAndNamesMemoryThatCouldNotBeHad) {
  EXPECT_EQ(reason_of(Error("a\nframe #0: b")), "a");
  EXPECT_EQ(reason_of(std::bad_alloc()).find("not enough memory; "), 0u);
  EXPECT_EQ(reason_of(std::runtime_error("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't "
                                         "allocate memory: you tried to allocate 4096 bytes. Error code 12\nframe"))
                .find("not enough memory (4096 bytes more were asked for); "),
            0u);
}

TEST(Numbers, AreWrittenForPeople) {
  EXPECT_EQ(thousands(1234567), "1,234,567");
  EXPECT_EQ(thousands(12), "12");
  EXPECT_EQ(human_duration(200), "3 min 20 s");
}

}  // namespace
}  // namespace limpid
