#include "limpid/tokenizers/json_parts.h"

#include <algorithm>

#include "limpid/checkpoints/known_settings.h"
#include "limpid/checkpoints/quote.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

std::string kind_of(const Json& json, const std::string& place) {
  LIMPID_CHECK(json.is_object(), FormatError, place, ": is ", json_kind(json), ", expected an object");
  return require<std::string>(json, "type", place);
}

/// Settings that the readers below honour, by the kind of the part. Offsets (trim_offsets) have no part in ids.
struct KindSettings {
  std::string_view kind;
  std::string_view names[5];  // fewer: the rest is empty
};
constexpr KindSettings kKindSettings[] = {
    {"BertNormalizer", {"clean_text", "handle_chinese_chars", "strip_accents", "lowercase"}},
    {"BertProcessing", {"sep", "cls"}},
    {"ByteLevel", {"add_prefix_space", "trim_offsets", "use_regex"}},
    {"Digits", {"individual_digits"}},
    {"Metaspace", {"replacement", "str_rep", "prepend_scheme", "add_prefix_space", "split"}},
    {"Prepend", {"prepend"}},
    {"Punctuation", {"behavior"}},
    {"Replace", {"pattern", "content"}},
    {"RobertaProcessing", {"sep", "cls", "trim_offsets", "add_prefix_space"}},
    {"Split", {"pattern", "behavior", "invert"}},
    {"Strip", {"strip_left", "strip_right", "content", "start", "stop"}},
    {"TemplateProcessing", {"single", "pair", "special_tokens"}},
    {"WordPiece", {"prefix", "cleanup"}},
};

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

// Visits the members of a Sequence in order, however deep; the file's nesting is bounded so that it cannot exhaust the
// stack.
template <class Visit>
void for_each_member(const Json& json, const char* list, const std::string& place, const Visit& visit, int depth = 0) {
  if (json.is_null()) return;
  LIMPID_CHECK(depth < 16, FormatError, place, ": nested deeper than 16");
  const std::string kind = kind_of(json, place);
  if (kind != "Sequence") {
    visit(json, kind);  // refuses kinds that are not known
    return check_kind_settings(json, kind, place);
  }
  const auto members = json.find(list);
  LIMPID_CHECK(members != json.end() && members->is_array(), FormatError, place, ": a Sequence needs an array \"", list,
               "\"");
  for (const Json& member : *members) for_each_member(member, list, place, visit, depth + 1);
}

// {"String": …} or {"Regex": …}; an old spelling is the string itself.
struct PatternText {
  std::string text;
  bool is_regex;
};
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
      if (pattern.is_regex)
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
      throw ConfigError(concat(place, ": ", kind, " is not supported"));
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
      stage = regex_stage(R"(\w+|[^\w\s]+)", member_place);
      stage.invert = true;
      stage.behavior = SplitStage::Behavior::kRemoved;
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
      throw ConfigError(concat(place, ": ", kind, " is not supported"));
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

JsonDecoder read_decoder(const Json& json, const std::string& place) {
  JsonDecoder out;
  for_each_member(json, "decoders", place, [&](const Json& member, const std::string& kind) {
    const std::string member_place = place + ": " + kind;
    LIMPID_CHECK(out.kind != JsonDecoder::Kind::kWordPiece, ConfigError, member_place,
                 ": after a WordPiece decoder is not supported");
    if (kind == "WordPiece") {
      LIMPID_CHECK(out.kind == JsonDecoder::Kind::kNone, ConfigError, member_place,
                   ": after another decoder is not supported");
      out.kind = JsonDecoder::Kind::kWordPiece;
      out.clean_up = get_or<bool>(member, "cleanup", true, member_place);
      return;
    }
    out.kind = JsonDecoder::Kind::kBytes;
    if (kind == "ByteLevel" || kind == "Fuse") return;
    if (kind == "ByteFallback") {
      out.byte_fallback = true;
      return;
    }
    if (kind == "Replace") {
      const PatternText pattern = read_pattern(member, member_place);
      const std::string content = require<std::string>(member, "content", member_place);
      LIMPID_CHECK(!pattern.is_regex && content == " " && out.space_mark.empty(), ConfigError, member_place, " of ",
                   quote(pattern.text), " by ", quote(content),
                   " is not supported; supported is one mark that stands for a space");
      out.space_mark = pattern.text;
      return;
    }
    if (kind == "Strip") {
      const int64_t start = get_or<int64_t>(member, "start", 0, member_place),
                    stop = get_or<int64_t>(member, "stop", 0, member_place);
      LIMPID_CHECK(
          get_or<std::string>(member, "content", " ", member_place) == " " && (start == 0 || start == 1) && stop == 0,
          ConfigError, member_place, ": only one space at the start is supported");
      out.strips_space = start == 1;
      return;
    }
    if (kind == "Metaspace") {
      out.space_mark = get_or<std::string>(member, "replacement", std::string(kWordMark), member_place);
      const std::string scheme = get_or<std::string>(member, "prepend_scheme", "always", member_place);
      out.strips_space = scheme != "never" && get_or<bool>(member, "add_prefix_space", true, member_place);
      return;
    }
    throw ConfigError(concat(place, ": ", kind, " is not supported"));
  });
  return out;
}

namespace {

TokenIds template_ids(const Json& processor, const Json& piece, const std::string& place) {
  LIMPID_CHECK(piece.is_object(), FormatError, place, ": SpecialToken is ", json_kind(piece), ", expected an object");
  const std::string name = require<std::string>(piece, "id", place);
  const auto specials = processor.find("special_tokens");
  LIMPID_CHECK(specials != processor.end() && specials->is_object() && specials->contains(name), FormatError, place,
               ": the template names ", quote(name), ", which special_tokens does not have");
  return require<TokenIds>((*specials)[name], "ids", place);
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
  LIMPID_CHECK(pair != processor.end() && pair->is_array() && pair->size() == 2 && (*pair)[1].is_number_integer(),
               FormatError, place, ": \"", key, "\" is ", pair == processor.end() ? "missing" : json_kind(*pair),
               ", expected [\"token\", id]");
  return (*pair)[1].get<TokenId>();
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
      throw ConfigError(concat(place, ": ", kind, " is not supported"));
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
