#include <gtest/gtest.h>

#include "limpid/checkpoints/config.h"
#include "limpid/checkpoints/gguf.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/error.h"
#include "tests/checkpoints/builders.h"
#include "tests/support/fixtures.h"

/// Damaged and hostile files of every kind: each gives one line that names the file and the fault, and takes
/// no memory.
namespace limpid {
namespace {

using namespace test_builders;
using testing_support::TempDir;

struct Case {
  std::string bytes, expected;
};

void expect_one_line(const std::vector<Case>& cases, const std::string& name) {
  TempDir dir;
  for (const auto& [bytes, expected] : cases) {
    SCOPED_TRACE("expecting: " + expected);
    const fs::path path = dir.write(name, bytes);
    try {
      Checkpoint::open(path);
      ADD_FAILURE() << "was opened";
    } catch (const FormatError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find(expected), std::string::npos) << message;
      EXPECT_NE(message.find(path.string()), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      EXPECT_LT(message.size(), 600u) << message;
    }
  }
}

std::string one(const std::string& tensor, size_t data = 8) {
  return safetensors("{\"a\":" + tensor + "}", std::string(data, '\0'));
}

TEST(MalformedSafetensors, GivesOneLineThatNamesTheFault) {
  const std::string a = R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
  expect_one_line(
      {
          {"", "file has 0 bytes"},
          {std::string("\x05\x00\x00", 3), "file has 3 bytes"},
          {raw(uint64_t(100)) + "{}", "header ends at byte 108, file at 10"},
          {raw(uint64_t(100'000'001)) + "{}", "header is said to have 100000001 bytes"},
          {raw(~uint64_t(0)) + "{}", "header is said to have 18446744073709551615 bytes"},
          {raw(uint64_t(1) << 63) + "{}", "header is said to have"},
          {safetensors("", ""), "not valid JSON"},
          {safetensors("not json", ""), "not valid JSON at byte"},
          {safetensors("{\"a\":", ""), "not valid JSON"},
          {safetensors("{} {}", ""), "not valid JSON"},
          {safetensors("{\"\xff\":1}", ""), "not valid JSON"},
          {safetensors("[]", ""), "header: is an array, expected an object"},
          {safetensors("5", ""), "header: is a number, expected an object"},
          {safetensors("{\"a\":5}", ""), "tensor \"a\" is a number, expected an object"},
          {safetensors("{\"a\":[]}", ""), "tensor \"a\" is an array, expected an object"},
          {safetensors(std::string(200'000, '['), ""), "expected an object"},
          {one(R"({"dtype":"U8","shape":[)" + std::string(100'000, '[') + "]}"), "\"shape\" holds an array"},
          {one(R"({"dtype":{"x":1}})"), "nested too deeply"},
          {one(R"({"dtype":"U8","shape":[8]})"), "tensor \"a\" has no \"data_offsets\""},
          {one(R"({"shape":[8],"data_offsets":[0,8]})"), "tensor \"a\" has no \"dtype\""},
          {one(R"({"dtype":"U8","data_offsets":[0,8]})"), "tensor \"a\" has no \"shape\""},
          {one(R"({"dtype":8,"shape":[8],"data_offsets":[0,8]})"), "\"dtype\" holds a number"},
          {one(R"({"dtype":"U8","dtype":"U8","shape":[8],"data_offsets":[0,8]})"), "has \"dtype\" twice"},
          {one(R"({"dtype":"U8","shape":[8],"data_offsets":[0,8],"extra":1})"), "unknown key \"extra\""},
          {one(R"({"dtype":"U8","shape":[-8],"data_offsets":[0,8]})"), "\"shape\" holds the number -8"},
          {one(R"({"dtype":"U8","shape":[8.0],"data_offsets":[0,8]})"), "\"shape\" holds the number \"8.0\""},
          {one(R"({"dtype":"U8","shape":[1e999],"data_offsets":[0,8]})"), "not valid JSON"},
          {one(R"({"dtype":"U8","shape":8,"data_offsets":[0,8]})"), "\"shape\" holds a number"},
          {one(R"({"dtype":"U8","shape":["8"],"data_offsets":[0,8]})"), "\"shape\" holds a string"},
          {one(R"({"dtype":"U8","shape":[null],"data_offsets":[0,8]})"), "\"shape\" holds null"},
          {one(R"({"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,8]})"),
           "a size of 18446744073709551615"},
          {one(R"({"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,8]})"), "more than any file holds"},
          {one(R"({"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]})", 0),
           "more than any file holds"},
          {one(R"({"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,8]})"), "more than any file holds"},
          {one(R"({"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,8],"data_offsets":[0,8]})"),
           "more than 16 dimensions"},
          {one(R"({"dtype":"U8","shape":[8],"data_offsets":[0]})"), "\"data_offsets\" has 1 numbers, expected 2"},
          {one(R"({"dtype":"U8","shape":[8],"data_offsets":[0,4,8]})"), "\"data_offsets\" has more than 2 numbers"},
          {one(R"({"dtype":"U8","shape":[8],"data_offsets":[8,0]})"), "begins at byte 8 after its end at 0"},
          {one(R"({"dtype":"U8","shape":[9],"data_offsets":[0,9]})"), "ends at byte 9 of the data, which has 8"},
          {one(R"({"dtype":"U8","shape":[8],"data_offsets":[18446744073709551608,18446744073709551615]})"),
           "ends at byte 18446744073709551615"},
          {one(R"({"dtype":"F32","shape":[1],"data_offsets":[0,8]})"), "takes 4 bytes, but its offsets span 8"},
          {one(R"({"dtype":"U8","shape":[7],"data_offsets":[0,7]})"), "tensors take 7 bytes, the file has 8"},
          {one(R"({"dtype":"U8","shape":[7],"data_offsets":[1,8]})"), "tensors take 7 bytes, the file has 8"},
          {safetensors("{}", "x"), "tensors take 0 bytes, the file has 1"},
          {safetensors("{" + a + "," + a + "}", std::string(8, '\0')), "tensor \"a\" occurs twice"},
          {safetensors("{" + a + R"(,"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", std::string(8, '\0')),
           "overlap"},
          {safetensors("{" + a + R"(,"b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}})", std::string(8, '\0')),
           "overlap"},
          {safetensors("{" + a + R"(,"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", std::string(4, '\0')),
           "overlaps another tensor"},
          {safetensors(R"({"__metadata__":{"a":1}})", ""), "metadata \"a\" is a number, expected a string"},
          {safetensors(R"({"__metadata__":5})", ""), "metadata is a number, expected an object"},
          {safetensors(R"({"__metadata__":{"a":"1","a":"2"}})", ""), "metadata key \"a\" occurs twice"},
          {safetensors(R"({"__metadata__":{},"__metadata__":{}})", ""), "occurs twice"},
          {safetensors(R"({"two\nlines":{"dtype":"U8"}})", ""), "tensor \"two\\x0alines\" has no \"shape\""},
          {safetensors("{\"" + std::string(10'000, 'x') + "\":5}", ""), "xxx…\" is a number"},
      },
      "model.safetensors");
}

std::string gguf(const std::string& entry) {
  GgufBytes file;
  file.entries = {entry};
  return file.bytes();
}

std::string gguf_tensor(const std::string& info, size_t data = 4096) {
  GgufBytes file;
  file.infos = {info};
  file.data = std::string(data, '\0');
  return file.bytes();
}

std::string array(uint32_t type, uint64_t count, const std::string& values = "") {
  return raw(type) + raw(count) + values;
}

TEST(MalformedGguf, GivesOneLineThatNamesTheFault) {
  GgufBytes bad_magic, version1, version99, big_endian, many_tensors, many_entries, more_tensors, more_entries,
      twice_key, twice_tensor, overlap;
  bad_magic.magic = "GGML";
  version1.version = 1;
  version99.version = 99;
  big_endian.version = 0x03000000;
  many_tensors.extra_tensors = uint64_t(1) << 61;
  many_entries.extra_entries = uint64_t(1) << 61;
  more_tensors.extra_tensors = 1;
  more_tensors.data = std::string(40, '\0');
  more_entries.extra_entries = 1;
  more_entries.data = std::string(12, '\0');
  twice_key.entries = {gguf_entry("a", 4, raw(1u)), gguf_entry("a", 4, raw(1u))};
  twice_tensor.infos = {gguf_info("a", {1}, 0, 0), gguf_info("a", {1}, 0, 32)};
  twice_tensor.data = overlap.data = std::string(4096, '\0');
  overlap.infos = {gguf_info("a", {64}, 0, 0), gguf_info("b", {1}, 0, 32)};

  expect_one_line(
      {
          {"", "the magic needs 4 bytes"},
          {"GG", "the magic needs 4 bytes"},
          {"GGUF", "the version needs 4 bytes"},
          {"GGUF" + raw(3u), "the number of tensors needs 8 bytes"},
          {bad_magic.bytes(), "begins with \"GGML\", expected \"GGUF\""},
          {version1.bytes(), "is GGUF version 1, expected 2 or 3"},
          {version99.bytes(), "is GGUF version 99, expected 2 or 3"},
          {big_endian.bytes(), "is big-endian"},
          {many_tensors.bytes(), "the number of tensors is 2305843009213693952, but only"},
          {many_entries.bytes(), "the number of metadata entries is 2305843009213693952, but only"},
          {more_tensors.bytes(), "tensor \"\""},
          {more_entries.bytes(), "the number of metadata entries is 1, but only 12 bytes follow"},
          {gguf(raw(uint64_t(1) << 60) + "key" + raw(4u) + raw(4u)), "a metadata key needs 1152921504606846976 bytes"},
          {gguf(raw(~uint64_t(0)) + "key" + raw(4u) + raw(4u)), "a metadata key needs 18446744073709551615 bytes"},
          {gguf(gguf_entry(std::string(65536, 'k'), 4, raw(1u))), "a metadata key has 65536 bytes"},
          {gguf(gguf_entry("k", 13, raw(uint64_t(0)))), "metadata \"k\" has type 13, expected 0 to 12"},
          {gguf(gguf_entry("k", 0xffffffff, raw(uint64_t(0)))), "has type 4294967295"},
          {gguf(gguf_entry("long key to have the bytes", 10, raw(1u))), "needs 8 bytes"},
          {gguf(gguf_entry("k", 10, raw(~uint64_t(0)))), "metadata \"k\": 18446744073709551615 is beyond 2^63"},
          {gguf(gguf_entry("k", 7, std::string(8, '\x02'))), "a bool of value 2, expected 0 or 1"},
          {gguf(gguf_entry("k", 8, raw(uint64_t(1) << 62))), "metadata \"k\" needs 4611686018427387904 bytes"},
          {gguf(gguf_entry("k", 9, array(9, 1, array(4, 0)))), "is an array of arrays, which is not supported"},
          {gguf(gguf_entry("k", 9, array(77, 1))), "is an array of type 77"},
          {gguf(gguf_entry("k", 9, array(4, uint64_t(1) << 61))),
           "metadata \"k\" (length of the array) is 2305843009213693952"},
          {gguf(gguf_entry("k", 9, array(8, ~uint64_t(0)))), "is 18446744073709551615, but only 0 bytes follow"},
          {gguf(gguf_entry("k", 9, array(0, 9, "12345678"))), "is 9, but only 8 bytes follow"},
          {gguf(gguf_entry("k", 9, array(8, 2, raw(uint64_t(100)) + text("b")))), "metadata \"k\" needs 100 bytes"},
          {gguf(gguf_entry("k", 9, array(7, 2, "\x01\x07"))), "a bool of value 7"},
          {gguf(gguf_entry("general.alignment", 4, raw(0u))), "\"general.alignment\" is 0, expected a power of two"},
          {gguf(gguf_entry("general.alignment", 4, raw(24u))), "\"general.alignment\" is 24, expected a power of two"},
          {gguf(gguf_entry("general.alignment", 5, raw(-32))), "\"general.alignment\" is -32"},
          {gguf(gguf_entry("general.alignment", 8, text("32"))),
           "\"general.alignment\" is a string, expected an integer"},
          {gguf(gguf_entry("split.count", 2, raw(uint16_t(3)) + std::string(8, '\0'))),
           "is part 1 of 3, expected a name that ends in \"-00001-of-00003.gguf\""},
          {twice_key.bytes(), "metadata \"a\" occurs twice"},
          {twice_tensor.bytes(), "tensor \"a\" occurs twice"},
          {overlap.bytes(), "tensors \"a\" and \"b\" overlap"},
          {gguf_tensor(gguf_info("a", {1, 1, 1, 1, 1}, 0, 0)), "has 5 dimensions, expected at most 4"},
          {gguf_tensor(text("a") + raw(0xffffffffu) + std::string(64, '\0')), "has 4294967295 dimensions"},
          {gguf_tensor(gguf_info("a", {~uint64_t(0)}, 0, 0)), "has a dimension of 18446744073709551615"},
          {gguf_tensor(gguf_info("a", {uint64_t(1) << 32, uint64_t(1) << 32}, 0, 0)), "more than any file holds"},
          {gguf_tensor(gguf_info("a", {uint64_t(1) << 32, 0, uint64_t(1) << 32}, 0, 0)), "more than any file holds"},
          {gguf_tensor(gguf_info("a", {uint64_t(1) << 61}, 28, 0)), "more than any file holds"},
          {gguf_tensor(gguf_info("a", {33}, 2, 0)),
           "has rows of 33 elements, expected a multiple of 32 for Q4_0 blocks"},
          {gguf_tensor(gguf_info("a", {32, 8}, 12, 0)),
           "has rows of 32 elements, expected a multiple of 256 for Q4_K blocks"},
          {gguf_tensor(gguf_info("a", {}, 2, 0)), "has rows of 1 elements"},
          {gguf_tensor(gguf_info("a", {1}, 0, 4)), "begins at offset 4, expected a multiple of 32"},
          {gguf_tensor(gguf_info("a", {1}, 0, 8192)), "takes 4 bytes at offset 8192 of the data, which has 4096"},
          {gguf_tensor(gguf_info("a", {1}, 0, 1ull << 63)), "at offset 9223372036854775808"},
          {gguf_tensor(gguf_info("a", {1025}, 0, 0)),
           "takes 4100 bytes at offset 0 of the data, which has 4096; truncated download?"},
          {gguf_tensor(gguf_info("two\nlines\x01", {1}, 99, 4)), "tensor \"two\\x0alines\\x01\" begins at offset 4"},
          {gguf_tensor(gguf_info("a", {1}, 99, 8192)), "at offset 8192 of the data, which has 4096"},
      },
      "model.gguf");
}

TEST(MalformedGguf, EveryCutOfAGoodFileIsAnError) {
  GgufBytes file;
  file.entries = {gguf_entry("general.architecture", 8, text("llama")),
                  gguf_entry("k", 9, array(8, 2, text("a") + text("bc")))};
  file.infos = {gguf_info("a", {3, 2}, 0, 0)};
  file.data = std::string(24, '\0');
  const std::string bytes = file.bytes();
  const auto parse = [](std::string_view cut) { return GgufFile::parse(std::as_bytes(std::span(cut)), "cut.gguf"); };
  EXPECT_NO_THROW(parse(bytes));
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THROW(parse(std::string_view(bytes).substr(0, size)), FormatError) << size;
}

TEST(MalformedSafetensors, EveryCutOfAGoodFileIsAnError) {
  const std::string bytes = one(R"({"dtype":"U8","shape":[8],"data_offsets":[0,8]})");
  const auto parse = [](std::string_view cut) {
    return SafetensorsFile::parse(std::as_bytes(std::span(cut)), "cut.safetensors");
  };
  EXPECT_NO_THROW(parse(bytes));
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THROW(parse(std::string_view(bytes).substr(0, size)), FormatError) << size;
}

TEST(MalformedConfig, GivesOneLineThatNamesTheFault) {
  TempDir dir;
  const Case cases[] = {
      {"", "not valid JSON"},
      {"{", "not valid JSON"},
      {"[1]", "expected an object"},
      {"{\"model_type\": 5}", "\"model_type\" is a number, expected a string"},
      {"{\"model_type\": 1e999}", "a number is out of range"},
      {std::string(100'000, '['), "not valid JSON"},
      {"{\"a\":" + std::string(1000, '[') + std::string(1000, ']') + "}", "is nested more than 64 deep"},
      {"{\"model_type\": \"\xff\"}", "not valid JSON"},
      {R"({"model_type": "llama", "hidden_size": 99999999999999999999})",
       "\"hidden_size\" is a number, expected an integer"},
      {R"({"model_type": "llama", "hidden_size": -9223372036854775808, "num_hidden_layers": 1, "vocab_size": 1, "num_attention_heads": 1, "intermediate_size": 1})",
       "hidden size is -9223372036854775808"},
      {R"({"model_type": "gpt2", "n_embd": 9223372036854775807, "n_layer": 1, "vocab_size": 1, "n_head": 1})",
       "hidden size is 9223372036854775807"},
      {R"({"model_type": "falcon", "hidden_size": 4611686018427387904, "num_hidden_layers": 1, "num_attention_heads": 1})",
       "hidden size is 4611686018427387904"},
      {R"({"model_type": "mpt", "d_model": 8, "n_layers": 1, "vocab_size": 1, "n_heads": 1, "norm_type": "two\nlines"})",
       "\"norm_type\" is \"two\\x0alines\""},
      {R"({"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "vocab_size": 9, "num_attention_heads": 2, "intermediate_size": 4,
           "architectures": ["BertForSequenceClassification"], "id2label": {"1": "a"}})",
       "\"id2label\" has 1 entries, but none named \"0\""},
      {R"({"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "vocab_size": 9, "num_attention_heads": 2, "intermediate_size": 4,
           "architectures": ["BertForSequenceClassification"], "num_labels": 1000000000000})",
       "\"num_labels\" is 1000000000000"},
  };
  for (const auto& [bytes, expected] : cases) {
    const fs::path path = dir.write("config.json", bytes);
    try {
      read_config(dir.path());
      ADD_FAILURE() << "was read: " << expected;
    } catch (const FormatError& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find(expected), std::string::npos) << message;
      EXPECT_NE(message.find(path.string()), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    }
  }
}

}  // namespace
}  // namespace limpid
