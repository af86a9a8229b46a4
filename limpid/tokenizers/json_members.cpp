#include "limpid/tokenizers/json_members.h"

#include <algorithm>

#include "limpid/checkpoints/known_settings.h"
#include "limpid/checkpoints/quote.h"

namespace limpid {

namespace {

/// Settings that the readers below honour, by the kind of the part. Offsets (trim_offsets) have no part in ids.
struct KindSettings {
  std::string_view kind;
  std::string_view names[5];  // fewer: the rest is empty
};
constexpr KindSettings kKindSettings[] = {
    {"BertNormalizer", {"clean_text", "handle_chinese_chars", "strip_accents", "lowercase"}},
    {"BPEDecoder", {"suffix"}},
    {"BertProcessing", {"sep", "cls"}},
    {"ByteLevel", {"add_prefix_space", "trim_offsets", "use_regex"}},
    {"CTC", {"pad_token", "word_delimiter_token", "cleanup"}},
    {"CharDelimiterSplit", {"delimiter"}},
    {"Digits", {"individual_digits"}},
    {"FixedLength", {"length"}},
    {"Metaspace", {"replacement", "str_rep", "prepend_scheme", "add_prefix_space", "split"}},
    {"Precompiled", {"precompiled_charsmap"}},
    {"Prepend", {"prepend"}},
    {"Punctuation", {"behavior"}},
    {"Replace", {"pattern", "content"}},
    {"RobertaProcessing", {"sep", "cls", "trim_offsets", "add_prefix_space"}},
    {"Split", {"pattern", "behavior", "invert"}},
    {"Strip", {"strip_left", "strip_right", "content", "start", "stop"}},
    {"TemplateProcessing", {"single", "pair", "special_tokens"}},
    {"WordPiece", {"prefix", "cleanup"}},
};

}  // namespace

std::string kind_of(const Json& json, const std::string& place) {
  LIMPID_CHECK(json.is_object(), FormatError, place, ": is ", json_kind(json), ", expected an object");
  return require<std::string>(json, "type", place);
}

void check_kind_settings(const Json& part, const std::string& kind, const std::string& place) {
  const auto known = std::find_if(std::begin(kKindSettings), std::end(kKindSettings),
                                  [&](const KindSettings& settings) { return settings.kind == kind; });
  const auto is_known = [&](const std::string& name) {
    return name == "type" ||
           (known != std::end(kKindSettings) &&
            std::find(std::begin(known->names), std::end(known->names), name) != std::end(known->names));
  };
  refuse_unknown_settings(part, is_known, concat(place, ": ", printable(kind)));
}

PatternText read_pattern(const Json& json, const std::string& place) {
  const auto pattern = json.find("pattern");
  LIMPID_CHECK(pattern != json.end(), FormatError, place, ": \"pattern\" is missing");
  if (pattern->is_string()) return {pattern->get<std::string>(), false};
  LIMPID_CHECK(
      pattern->is_object() && pattern->size() == 1 && (pattern->contains("String") || pattern->contains("Regex")),
      FormatError, place, ": \"pattern\" is ", json_kind(*pattern), ", expected {\"String\": …} or {\"Regex\": …}");
  const char* key = pattern->contains("Regex") ? "Regex" : "String";
  return {require<std::string>(*pattern, key, place + ": pattern"), pattern->contains("Regex")};
}

}  // namespace limpid
