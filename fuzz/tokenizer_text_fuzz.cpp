// Any text for small tokenizers of several kinds, which the first byte chooses from.
#include "fuzz/support.h"
#include "fuzz/use_tokenizer.h"
#include "limpid/tokenizers/tokenizer_files.h"

namespace {

constexpr const char* kTokenizers[] = {
    R"({"added_tokens": [{"id": 9, "content": "<e>", "special": true, "lstrip": true}], "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "merges": ["a b", "Ġ ab", "Ċ Ċ"],
                  "vocab": {"a": 0, "b": 1, "'": 2, "Ġ": 3, "ab": 4, "Ġab": 5, "Ċ": 6, "ĊĊ": 7, "Ã": 8}}})",
    R"({"added_tokens": [{"id": 6, "content": "<e>", "special": false, "rstrip": true, "single_word": true}],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "Lowercase"}]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"},
        "decoder": {"type": "Metaspace", "replacement": "▁"},
        "model": {"type": "Unigram", "unk_id": 0,
                  "vocab": [["<unk>", 0], ["▁", -1], ["▁a", -2], ["ab", -2.5], ["b", -3], ["▁▁", -2]]}})",
    R"({"added_tokens": [{"id": 0, "content": "[UNK]", "special": true}],
        "normalizer": {"type": "BertNormalizer", "lowercase": true}, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "WordPiece"},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": {"[UNK]": 0, "a": 1, "##b": 2, ".": 3, "ab": 4}}})",
    R"({"normalizer": {"type": "Replace", "pattern": {"Regex": " +"}, "content": " "},
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}|\\s+(?!\\S)|[^\\s]+"}, "behavior": "Isolated"},
        "model": {"type": "BPE", "byte_fallback": true, "unk_token": "u", "fuse_unk": true, "merges": ["a b"],
                  "vocab": {"u": 0, "a": 1, "b": 2, "ab": 3, "1": 4, " ": 5}}})"};

std::vector<std::shared_ptr<const limpid::Tokenizer>> open_all() {
  std::vector<std::shared_ptr<const limpid::Tokenizer>> tokenizers;
  for (const char* text : kTokenizers) tokenizers.push_back(limpid::parse_tokenizer_json(text, "tokenizer", {}));
  return tokenizers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  static const auto tokenizers = open_all();
  if (size == 0) return 0;
  const std::string_view text = fuzzing::text_of(data + 1, size - 1);
  fuzzing::attempt([&] { fuzzing::use_tokenizer(tokenizers[data[0] % tokenizers.size()], text); });
  return 0;
}
