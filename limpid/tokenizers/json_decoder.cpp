#include "limpid/checkpoints/quote.h"
#include "limpid/tokenizers/json_members.h"
#include "limpid/tokenizers/json_parts.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

using Step = Decoder::Step;

size_t count_of(const Json& json, const char* key, const std::string& place) {
  const int64_t count = get_or<int64_t>(json, key, 0, place);
  LIMPID_CHECK(count >= 0, FormatError, place, ": ", key, " is ", count, ", expected 0 or more");
  return size_t(count);
}

Step replace_step(const Json& json, const std::string& place) {
  const PatternText pattern = read_pattern(json, place);
  LIMPID_CHECK(!pattern.text.empty(), FormatError, place, ": the pattern is empty");
  Step step{Decoder::Kind::kReplace, pattern.text, require<std::string>(json, "content", place)};
  if (pattern.is_regex) step.regex = Regex(pattern.text, place);
  return step;
}

Step metaspace_step(const Json& json, const std::string& place) {
  Step step{Decoder::Kind::kMetaspace, get_or<std::string>(json, "replacement", std::string(kWordMark), place)};
  const char* scheme = get_or<bool>(json, "add_prefix_space", true, place) ? "always" : "never";
  step.flag = get_or<std::string>(json, "prepend_scheme", scheme, place) != "never";
  return step;
}

Step strip_step(const Json& json, const std::string& place) {
  Step step{Decoder::Kind::kStrip, get_or<std::string>(json, "content", " ", place)};
  LIMPID_CHECK(!step.from.empty(), FormatError, place, ": content is empty");
  step.start = count_of(json, "start", place);
  step.stop = count_of(json, "stop", place);
  return step;
}

}  // namespace

Decoder read_decoder(const Json& json, const std::string& place) {
  using Kind = Decoder::Kind;
  Decoder decoder;
  for_each_member(json, "decoders", place, [&](const Json& member, const std::string& kind) {
    const std::string member_place = concat(place, ": ", kind);
    const auto text = [&](const char* key, const char* fallback) {
      return get_or<std::string>(member, key, fallback, member_place);
    };
    if (kind == "ByteLevel") return decoder.add({Kind::kByteLetters});
    if (kind == "Fuse") return decoder.add({Kind::kFuse});
    if (kind == "ByteFallback") return decoder.add({Kind::kByteFallback});
    if (kind == "Replace") return decoder.add(replace_step(member, member_place));
    if (kind == "Metaspace") return decoder.add(metaspace_step(member, member_place));
    if (kind == "Strip") return decoder.add(strip_step(member, member_place));
    if (kind == "BPEDecoder") return decoder.add({Kind::kWordSuffix, text("suffix", "</w>")});
    Step step{Kind::kWordPiece};
    if (kind == "WordPiece") {
      step.from = text("prefix", "##");
    } else if (kind == "CTC") {
      step = {Kind::kCtc, text("pad_token", "<pad>"), text("word_delimiter_token", "|")};
    } else {
      throw ConfigError(concat(place, ": ", quote(kind), " is not supported"));
    }
    step.clean_up = get_or<bool>(member, "cleanup", true, member_place);
    decoder.add(std::move(step));
  });
  return decoder;
}

}  // namespace limpid
