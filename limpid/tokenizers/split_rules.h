#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "limpid/core/json.h"

/// How text is cut before byte-level BPE, by the names that files give these rules instead of stating them.
namespace limpid {

struct SplitRules {
  Json pre_tokenizer;  ///< as tokenizer.json says it
  bool ignore_merges = false, adds_bos = false;
};

/// Returns what a name in tokenizer.ggml.pre of a GGUF file stands for in llama.cpp, nothing for one that is not known.
std::optional<SplitRules> split_rules(std::string_view name);

/// Returns the name, of those that more than one model goes by, of a tokenizer.json's rules; none for others.
/// @param ignore_merges  of its model
std::optional<std::string> split_rules_name(const Json& pre_tokenizer, const Json& normalizer, bool ignore_merges);

/// Returns what stands before the rules of a name in the tokenizer.json of its models, null for nothing. GGUF files do
/// not say it.
Json split_rules_normalizer(std::string_view name);

/// Returns the pre-tokenizer of GPT-2.
Json gpt2_pre_tokenizer();

/// Returns a pre-tokenizer that isolates the matches of an expression and goes over to bytes.
Json split_then_bytes(std::string_view expression);

// Expressions that more than one kind of file names.
inline constexpr std::string_view kGpt2Split =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kLlama3Split =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kCl100kSplit =  // white space at the end of a text stays whole
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++\z|\s*[\r\n]|\s+(?!\S)|\s)";
inline constexpr std::string_view kQwen2Split =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline constexpr std::string_view kO200kSplit =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

}  // namespace limpid
