#pragma once

#include <string>

#include "limpid/checkpoints/gguf.h"
#include "limpid/core/json.h"
#include "limpid/tokenizers/tokenizer.h"
#include "limpid/tokenizers/tokenizer_files.h"
#include "tests/support/fixtures.h"

/// Tokenizers small enough to work out on paper.
namespace limpid::tiny {

/// Byte-level BPE over a b c, space (U+0120): merges a+b, then " "+ab; "<e>" is special.
inline Json byte_level_json() {
  return Json::parse(R"({
    "added_tokens": [{"id": 6, "content": "<e>", "special": true, "normalized": false}],
    "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
    "post_processor": null,
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "Ġ": 3, "ab": 4, "Ġab": 5}, "merges": ["a b", "Ġ ab"]}})");
}

inline Json word_piece_json() {
  return Json::parse(R"({
    "added_tokens": [{"id": 0, "content": "[UNK]", "special": true}, {"id": 1, "content": "[CLS]", "special": true}],
    "normalizer": {"type": "BertNormalizer", "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
    "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 5,
              "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "un": 3, "##a": 4, "##able": 5, "able": 6, ".": 7}}})");
}

inline std::shared_ptr<const Tokenizer> open(const Json& json) {
  return parse_tokenizer_json(json.dump(), "tokenizer.json", {});
}

/// Writes metadata as a GGUF file without tensors. Integers and texts by the value's type.
using Metadata = std::map<std::string, GgufValue>;

inline Metadata sentencepiece_metadata() {
  static const std::vector<std::string> bytes = [] {
    std::vector<std::string> names;
    const char* hex = "0123456789ABCDEF";
    for (int byte = 0; byte < 256; ++byte) names.push_back(std::string("<0x") + hex[byte >> 4] + hex[byte & 15] + ">");
    return names;
  }();
  std::vector<std::string_view> names = {"<unk>", "<s>", "</s>", "▁", "a", "b", "ab", "▁a", "ba", "<t>"};
  std::vector<double> scores = {0, 0, 0, -10, -11, -12, -2, -1, -3, 0};
  std::vector<int64_t> types = {2, 3, 3, 1, 1, 1, 1, 1, 1, 4};
  for (const std::string& byte : bytes) {
    names.push_back(byte);
    scores.push_back(0);
    types.push_back(6);
  }
  Metadata out;
  out["general.architecture"] = {std::string("llama")};
  out["tokenizer.ggml.model"] = {std::string("llama")};
  out["tokenizer.ggml.tokens"] = {names};
  out["tokenizer.ggml.scores"] = {scores};
  out["tokenizer.ggml.token_type"] = {types};
  out["tokenizer.ggml.bos_token_id"] = {int64_t(1)};
  out["tokenizer.ggml.eos_token_id"] = {int64_t(2)};
  return out;
}

inline Metadata byte_level_metadata() {
  Metadata out;
  out["general.architecture"] = {std::string("gpt2")};
  out["tokenizer.ggml.model"] = {std::string("gpt2")};
  out["tokenizer.ggml.pre"] = {std::string("gpt-2")};
  out["tokenizer.ggml.tokens"] = {std::vector<std::string_view>{"a", "b", "c", "Ġ", "ab", "Ġab", "<e>"}};
  out["tokenizer.ggml.token_type"] = {std::vector<int64_t>{1, 1, 1, 1, 1, 1, 3}};
  out["tokenizer.ggml.merges"] = {std::vector<std::string_view>{"a b", "Ġ ab"}};
  return out;
}

inline std::shared_ptr<const Tokenizer> open(const testing_support::TempDir& dir, const Metadata& metadata) {
  write_gguf(dir.path() / "model.gguf", metadata, {});
  return open_tokenizer(dir.path() / "model.gguf");
}

}  // namespace limpid::tiny
