#pragma once

#include <optional>
#include <string>

#include "limpid/core/json.h"

/// How byte-level BPE cuts text into words, by the names that GGUF files have for it (tokenizer.ggml.pre), as parts of
/// a tokenizer.json.
namespace limpid {

struct SplitRules {
  Json pre_tokenizer;
  Json normalizer;
  bool ignore_merges = false, adds_bos = false;
};

/// Returns the rules of a name; none for names that are not known.
std::optional<SplitRules> split_rules(const std::string& name);

/// Returns the name of a tokenizer.json's rules; none for rules that have no name.
std::optional<std::string> split_rules_name(const Json& pre_tokenizer, const Json& normalizer);

Json byte_level_json(bool use_regex);  ///< a ByteLevel pre-tokenizer or decoder

}  // namespace limpid
