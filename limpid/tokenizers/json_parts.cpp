#include "limpid/tokenizers/json_parts.h"

#include <algorithm>

#include "limpid/checkpoints/known_settings.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/tokenizers/base64.h"
#include "limpid/tokenizers/json_members.h"
#include "limpid/tokenizers/unicode.h"
#include "limpid/tokenizers/unicode_scripts.h"

namespace limpid {

namespace {

SplitStage::Behavior read_behavior(const Json& json, const char* fallback, const std::string& place) {
  using Behavior = SplitStage::Behavior;
  const std::string name = get_or<std::string>(json, "behavior", fallback, place);
  if (name == "Removed") return Behavior::kRemoved;
  if (name == "Isolated") return Behavior::kIsolated;
  if (name == "MergedWithPrevious") return Behavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return Behavior::kMergedWithNext;
  if (name == "Contiguous") return Behavior::kContiguous;
  throw FormatError(concat(place, ": behavior is ", quote(name),
                           ", expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous"));
}

void add_metaspace(const Json& json, PreTokenizer& pretokenizer, const std::string& place) {
  PreTokenizer::Metaspace rule;
  rule.replacement = get_or<std::string>(json, "replacement", std::string(kWordMark), place);
  std::string scheme = get_or<std::string>(json, "prepend_scheme", "", place);
  if (scheme.empty()) scheme = get_or<bool>(json, "add_prefix_space", true, place) ? "always" : "never";
  LIMPID_CHECK(scheme == "always" || scheme == "first" || scheme == "never", FormatError, place, ": prepend_scheme is ",
               quote(scheme), ", expected always, first or never");
  rule.first_only = scheme == "first";
  rule.never = scheme == "never";
  LIMPID_CHECK(!rule.replacement.empty(), FormatError, place, ": replacement is empty");
  const std::string mark = rule.replacement;
  pretokenizer.add_metaspace(std::move(rule));
  if (!get_or<bool>(json, "split", true, place)) return;
  SplitStage stage;
  stage.pattern = SplitStage::Pattern::kLiteral;
  stage.behavior = SplitStage::Behavior::kMergedWithNext;
  stage.literal = mark;
  pretokenizer.add_split(std::move(stage));
}

SplitStage regex_stage(std::string_view expression, const std::string& place) {
  SplitStage stage;
  stage.regex = Regex(expression, place);
  return stage;
}

void add_character_map(const Json& json, Normalizer& normalizer, const std::string& place) {
  const std::string text = get_or<std::string>(json, "precompiled_charsmap", "", place);
  if (text.empty()) return;  // no rules
  const auto data = decode_base64(text);
  LIMPID_CHECK(data, FormatError, place, ": precompiled_charsmap is not base64");
  Normalizer::Step step{Normalizer::Kind::kGraphemeMap, {}, {}, {}, false, false};
  step.map = std::make_shared<const CharacterMap>(*data, place);
  normalizer.add(std::move(step));
}

SplitStage delimiter_stage(const Json& json, const std::string& place) {
  SplitStage stage;
  stage.pattern = SplitStage::Pattern::kLiteral;
  stage.behavior = SplitStage::Behavior::kRemoved;
  stage.literal = require<std::string>(json, "delimiter", place);
  LIMPID_CHECK(!stage.literal.empty() && decode_utf8(stage.literal, 0).size == stage.literal.size(), FormatError, place,
               ": delimiter is ", quote(stage.literal), ", expected one character");
  return stage;
}

SplitStage fixed_length_stage(const Json& json, const std::string& place) {
  const int64_t length = get_or<int64_t>(json, "length", 5, place);
  LIMPID_CHECK(length > 0 && length <= 65'535, FormatError, place, ": length is ", length, ", expected 1 to 65535");
  return regex_stage(concat("[\\s\\S]{1,", length, "}"), place);
}

}  // namespace

void check_keys(const Json& json, std::initializer_list<std::string_view> known, const std::string& place) {
  const auto is_known = [&](const std::string& name) {
    return std::find(known.begin(), known.end(), name) != known.end();
  };
  refuse_unknown_settings(json, is_known, place);
}

std::vector<AddedToken> read_added_tokens(const Json& file, const std::string& place) {
  std::vector<AddedToken> out;
  const auto list = file.find("added_tokens");
  if (list == file.end() || list->is_null()) return out;
  LIMPID_CHECK(list->is_array(), FormatError, place, ": added_tokens is ", json_kind(*list), ", expected an array");
  for (size_t i = 0; i < list->size(); ++i) {
    const Json& json = (*list)[i];
    const std::string token_place = concat(place, ": added_tokens[", i, "]");
    LIMPID_CHECK(json.is_object(), FormatError, token_place, ": is ", json_kind(json), ", expected an object");
    check_keys(json, {"id", "content", "special", "normalized", "lstrip", "rstrip", "single_word"}, token_place);
    AddedToken token;
    token.content = require<std::string>(json, "content", token_place);
    const int64_t id = require<int64_t>(json, "id", token_place);
    LIMPID_CHECK(id >= 0 && id <= INT32_MAX, FormatError, token_place, ": id is ", id);
    token.id = TokenId(id);
    token.special = get_or<bool>(json, "special", false, token_place);
    token.normalized = get_or<bool>(json, "normalized", !token.special, token_place);
    token.lstrip = get_or<bool>(json, "lstrip", false, token_place);
    token.rstrip = get_or<bool>(json, "rstrip", false, token_place);
    token.single_word = get_or<bool>(json, "single_word", false, token_place);
    out.push_back(std::move(token));
  }
  return out;
}

void read_normalizer(const Json& json, Normalizer& normalizer, const std::string& place) {
  using Kind = Normalizer::Kind;
  for_each_member(json, "normalizers", place, [&](const Json& member, const std::string& kind) {
    if (kind == "NFC") return normalizer.add(Kind::kNfc);
    if (kind == "NFD") return normalizer.add(Kind::kNfd);
    if (kind == "NFKC") return normalizer.add(Kind::kNfkc);
    if (kind == "NFKD") return normalizer.add(Kind::kNfkd);
    if (kind == "Lowercase") return normalizer.add(Kind::kLowercase);
    if (kind == "StripAccents") return normalizer.add(Kind::kStripMarks);
    if (kind == "Nmt") return normalizer.add(Kind::kNmt);
    if (kind == "ByteLevel") return normalizer.add(Kind::kByteLetters);
    if (kind == "Precompiled") return add_character_map(member, normalizer, place + ": Precompiled");
    Normalizer::Step step{Kind::kPrepend, {}, {}, {}, false, false};
    if (kind == "Strip") {
      step.kind = Kind::kStripSpaces;
      step.strip_left = get_or<bool>(member, "strip_left", true, place);
      step.strip_right = get_or<bool>(member, "strip_right", true, place);
    } else if (kind == "Prepend") {
      step.to = require<std::string>(member, "prepend", place);
    } else if (kind == "Replace") {
      step.kind = Kind::kReplace;
      const PatternText pattern = read_pattern(member, place + ": Replace");
      if (pattern.is_regex && pattern.text == " {2,}")  // of nearly all vocabularies that were SentencePiece's
        step.kind = Kind::kReplaceSpaceRuns;
      else if (pattern.is_regex)
        step.regex = Regex(pattern.text, place + ": Replace");
      else
        step.from = pattern.text;
      step.to = require<std::string>(member, "content", place + ": Replace");
    } else if (kind == "BertNormalizer") {
      const bool lower = get_or<bool>(member, "lowercase", true, place);
      return add_bert_normalizer(normalizer, get_or<bool>(member, "clean_text", true, place),
                                 get_or<bool>(member, "handle_chinese_chars", true, place),
                                 get_or<bool>(member, "strip_accents", lower, place), lower);
    } else {
      throw ConfigError(concat(place, ": ", quote(kind), " is not supported"));
    }
    normalizer.add(std::move(step));
  });
}

void read_pretokenizer(const Json& json, PreTokenizer& pretokenizer, const std::string& place) {
  for_each_member(json, "pretokenizers", place, [&](const Json& member, const std::string& kind) {
    const std::string member_place = place + ": " + kind;
    if (kind == "ByteLevel") {
      LIMPID_CHECK(!pretokenizer.byte_level(), ConfigError, member_place, ": twice in one file is not supported");
      if (get_or<bool>(member, "add_prefix_space", true, member_place)) pretokenizer.add_prefix_space();
      if (get_or<bool>(member, "use_regex", true, member_place)) pretokenizer.add_split(gpt2_split());
      return pretokenizer.add_byte_letters();
    }
    if (kind == "Metaspace") return add_metaspace(member, pretokenizer, member_place);
    if (kind == "BertPreTokenizer") return add_bert_pretokenizer(pretokenizer);
    SplitStage stage;
    if (kind == "Digits") {
      stage.pattern = SplitStage::Pattern::kDigit;
      if (!get_or<bool>(member, "individual_digits", false, member_place))
        stage.behavior = SplitStage::Behavior::kContiguous;
    } else if (kind == "Punctuation") {
      stage.pattern = SplitStage::Pattern::kPunctuation;
      stage.behavior = read_behavior(member, "Isolated", member_place);
    } else if (kind == "Whitespace") {
      // \w+|[^\w\s]+ as Rust has it, where \w joins what a zero-width joiner stands between.
      const std::string word = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D})";
      stage = regex_stage(concat("[", word, "]+|[^", word, "\\s]+"), member_place);
      stage.invert = true;
      stage.behavior = SplitStage::Behavior::kRemoved;
    } else if (kind == "CharDelimiterSplit") {
      stage = delimiter_stage(member, member_place);
    } else if (kind == "FixedLength") {
      stage = fixed_length_stage(member, member_place);
    } else if (kind == "UnicodeScripts") {
      stage = unicode_scripts_split();
    } else if (kind == "WhitespaceSplit") {
      stage.pattern = SplitStage::Pattern::kWhiteSpace;
      stage.behavior = SplitStage::Behavior::kRemoved;
    } else if (kind == "Split") {
      const PatternText pattern = read_pattern(member, member_place);
      LIMPID_CHECK(!pattern.text.empty(), FormatError, member_place, ": the pattern is empty");
      if (pattern.is_regex) {
        stage = regex_stage(pattern.text, member_place);
      } else {
        stage.pattern = SplitStage::Pattern::kLiteral;
        stage.literal = pattern.text;
      }
      stage.behavior = read_behavior(member, "Isolated", member_place);
      stage.invert = get_or<bool>(member, "invert", false, member_place);
    } else {
      throw ConfigError(concat(place, ": ", quote(kind), " is not supported"));
    }
    pretokenizer.add_split(std::move(stage));
  });
}

int fallback_byte(std::string_view name) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (name.size() != 6 || !name.starts_with("<0x") || name[5] != '>') return -1;
  int value = 0;
  for (char c : name.substr(3, 2)) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return -1;
    value = value * 16 + int(digit);
  }
  return value;
}

namespace {

TokenId read_id(const Json& id, const std::string& place) {
  LIMPID_CHECK(id.is_number_unsigned() && id.get<uint64_t>() <= uint64_t(INT32_MAX), FormatError, place, ": an id is ",
               shown(id), ", expected a whole number from 0");
  return TokenId(id.get<uint64_t>());
}

TokenIds template_ids(const Json& processor, const Json& piece, const std::string& place) {
  LIMPID_CHECK(piece.is_object(), FormatError, place, ": SpecialToken is ", json_kind(piece), ", expected an object");
  const std::string name = require<std::string>(piece, "id", place);
  const auto specials = processor.find("special_tokens");
  LIMPID_CHECK(specials != processor.end() && specials->is_object() && specials->contains(name), FormatError, place,
               ": the template names ", quote(name), ", which special_tokens does not have");
  TokenIds ids;
  for (const Json& id : require<std::vector<Json>>((*specials)[name], "ids", place)) ids.push_back(read_id(id, place));
  return ids;
}

SpecialFrame read_template(const Json& processor, const std::string& place) {
  const auto single = processor.find("single");
  LIMPID_CHECK(single != processor.end() && single->is_array(), FormatError, place, ": \"single\" is ",
               single == processor.end() ? "missing" : json_kind(*single), ", expected an array");
  SpecialFrame frame;
  bool seen_text = false;
  for (const Json& piece : *single) {
    LIMPID_CHECK(piece.is_object() && (piece.contains("Sequence") || piece.contains("SpecialToken")), FormatError,
                 place, ": an entry of \"single\" is ", json_kind(piece), ", expected Sequence or SpecialToken");
    if (piece.contains("Sequence")) {
      LIMPID_CHECK(!seen_text, ConfigError, place, ": a template that holds the text twice is not supported");
      seen_text = true;
      continue;
    }
    const TokenIds ids = template_ids(processor, piece["SpecialToken"], place);
    TokenIds& side = seen_text ? frame.suffix : frame.prefix;
    side.insert(side.end(), ids.begin(), ids.end());
  }
  LIMPID_CHECK(seen_text, FormatError, place, ": the template has no place for the text");
  return frame;
}

TokenId pair_id(const Json& processor, const char* key, const std::string& place) {  // ["</s>", 2]
  const auto pair = processor.find(key);
  LIMPID_CHECK(pair != processor.end() && pair->is_array() && pair->size() == 2, FormatError, place, ": \"", key,
               "\" is ", pair == processor.end() ? "missing" : json_kind(*pair), ", expected [\"token\", id]");
  return read_id((*pair)[1], concat(place, ": \"", key, "\""));
}

}  // namespace

SpecialFrame read_post_processor(const Json& json, const NamedTokens& tokens, const std::string& place) {
  SpecialFrame out;
  for_each_member(json, "processors", place, [&](const Json& member, const std::string& kind) {
    if (kind == "ByteLevel") return;  // it only moves offsets
    const std::string member_place = place + ": " + kind;
    SpecialFrame frame;
    if (kind == "TemplateProcessing")
      frame = read_template(member, member_place);
    else if (kind == "RobertaProcessing" || kind == "BertProcessing")
      frame = {{pair_id(member, "cls", member_place)}, {pair_id(member, "sep", member_place)}};
    else
      throw ConfigError(concat(place, ": ", quote(kind), " is not supported"));
    out.prefix.insert(out.prefix.begin(), frame.prefix.begin(), frame.prefix.end());
    out.suffix.insert(out.suffix.end(), frame.suffix.begin(), frame.suffix.end());
  });
  for (const TokenIds* side : {&out.prefix, &out.suffix})
    for (TokenId id : *side)
      LIMPID_CHECK(id >= 0 && size_t(id) < tokens.size() && !tokens.names()[size_t(id)].empty(), FormatError, place,
                   ": id ", id, " is not in the vocabulary");
  return out;
}

}  // namespace limpid
