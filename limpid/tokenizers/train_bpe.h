#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/core/watch.h"

namespace limpid {

/// Makes a byte-level BPE vocabulary from text, as the tokenizers library's BpeTrainer does: of the pairs of tokens
/// side by side within a word, the most frequent becomes a token, then the next; of equally frequent ones that with the
/// lower ids. The same texts give the same vocabulary, in whatever order they come.
class BpeTrainer {
 public:
  struct Options {
    size_t vocab_size = 32'000;  ///< with the special tokens and the 256 bytes, which come first
    uint64_t min_frequency = 2;  ///< a pair must be seen so often
    std::vector<std::string> special_tokens = {"<|endoftext|>"};
  };

  /// @throws ConfigError where the vocabulary has no room for the special tokens and the bytes, and for special tokens
  /// that are empty, given twice or the letter of a byte.
  explicit BpeTrainer(Options options);

  void add(std::string_view text);  ///< counts its words, cut as GPT-2 does

  /// Returns the tokenizer in the form of tokenizer.json. @throws ConfigError where no text was added;
  /// Interrupted when the watch says so.
  Json train(Watch& watch = unwatched()) const;

 private:
  Options options_;
  std::unordered_map<std::string, uint64_t> words_;  // bytes to how often
};

}  // namespace limpid
