#include "limpid/tokenizers/pretokenizer.h"

#include "limpid/core/error.h"
#include "limpid/tokenizers/split_rules.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

using Span = Pieces::Span;
struct Part {
  size_t begin, end;
  bool match;
};

bool in_class(SplitStage::Pattern pattern, char32_t code) {
  switch (pattern) {
    case SplitStage::Pattern::kDigit: return is_numeric(code);
    case SplitStage::Pattern::kPunctuation: return is_punctuation(code);
    default: return is_white_space(code);
  }
}

// Finds matches and what lies between them, in order, covering [begin, end); every character of a class is its own
// match.
void find_parts(const SplitStage& stage, std::string_view text, Span span, std::vector<Part>& parts) {
  parts.clear();
  size_t done = span.begin;
  const auto match = [&](size_t begin, size_t end) {
    if (begin > done) parts.push_back({done, begin, stage.invert});
    if (end > begin) parts.push_back({begin, end, !stage.invert});
    done = end;
  };
  if (stage.pattern == SplitStage::Pattern::kRegex) {
    const std::string_view piece = text.substr(span.begin, span.end - span.begin);
    Regex::Span hit{};
    for (size_t from = 0; from < piece.size() && stage.regex->find(piece, from, hit) == Regex::Result::kMatch;) {
      match(span.begin + hit.begin, span.begin + hit.end);
      from = hit.end;
      if (hit.begin == hit.end) from += from < piece.size() ? decode_utf8(piece, from).size : 1;
    }
  } else if (stage.pattern == SplitStage::Pattern::kLiteral) {
    const std::string_view piece = text.substr(0, span.end);
    for (size_t begin = piece.find(stage.literal, span.begin); begin != std::string_view::npos;
         begin = piece.find(stage.literal, begin + stage.literal.size()))
      match(begin, begin + stage.literal.size());
  } else {
    for (size_t offset = span.begin; offset < span.end;) {
      const Utf8 next = decode_utf8(text, offset);
      if (in_class(stage.pattern, next.code)) match(offset, offset + next.size);
      offset += next.size;
    }
  }
  if (done < span.end) parts.push_back({done, span.end, stage.invert});
}

void join_parts(SplitStage::Behavior behavior, const std::vector<Part>& parts, std::vector<Span>& out) {
  using Behavior = SplitStage::Behavior;
  const size_t first = out.size();
  bool previous = false;
  switch (behavior) {
    case Behavior::kRemoved:
      for (const Part& part : parts)
        if (!part.match) out.push_back({part.begin, part.end});
      return;
    case Behavior::kIsolated:
      for (const Part& part : parts) out.push_back({part.begin, part.end});
      return;
    case Behavior::kContiguous:
      for (const Part& part : parts) {
        if (out.size() > first && part.match == previous)
          out.back().end = part.end;
        else
          out.push_back({part.begin, part.end});
        previous = part.match;
      }
      return;
    case Behavior::kMergedWithPrevious:
      for (const Part& part : parts) {
        if (part.match && !previous && out.size() > first)
          out.back().end = part.end;
        else
          out.push_back({part.begin, part.end});
        previous = part.match;
      }
      return;
    case Behavior::kMergedWithNext:
      for (size_t i = 0; i < parts.size(); ++i) {
        const bool takes_next = parts[i].match && i + 1 < parts.size() && !parts[i + 1].match;
        out.push_back({parts[i].begin, parts[takes_next ? i + 1 : i].end});
        i += takes_next;
      }
      return;
  }
}

void run_split(const SplitStage& stage, std::string_view text, std::vector<Span>& spans) {
  std::vector<Span> out;
  out.reserve(spans.size() + 16);
  std::vector<Part> parts;
  for (const Span& span : spans) {
    find_parts(stage, text, span, parts);
    join_parts(stage.behavior, parts, out);
  }
  spans = std::move(out);
}

}  // namespace

SplitStage gpt2_split() {
  static const Regex regex(kGpt2Split, "GPT-2 split");
  SplitStage stage;
  stage.regex = regex;
  return stage;
}

void PreTokenizer::add_split(SplitStage stage) {
  has_split_ = true;
  stages_.push_back({Stage::Kind::kSplit, std::move(stage), {}});
}

void PreTokenizer::add_prefix_space() { stages_.push_back({Stage::Kind::kPrefixSpace}); }

void PreTokenizer::add_byte_letters() {
  byte_level_ = true;
  stages_.push_back({Stage::Kind::kByteLetters});
}

void PreTokenizer::add_metaspace(Metaspace metaspace) {
  stages_.push_back({Stage::Kind::kMetaspace, {}, std::move(metaspace)});
}

void PreTokenizer::rewrite(const Stage& stage, Place place, Pieces& pieces) const {
  std::string out;
  out.reserve(pieces.text.size() + 16);
  bool first = true;
  for (Span& span : pieces.spans) {
    std::string_view piece = pieces.piece(span);
    const size_t begin = out.size();
    const bool at_segment_start = !first || place.segment_start;  // later pieces each count as a start here
    if (stage.kind == Stage::Kind::kPrefixSpace) {
      if (at_segment_start && !piece.starts_with(' ')) out += ' ';
      out += piece;
    } else if (stage.kind == Stage::Kind::kByteLetters) {
      out += to_byte_letters(piece);
    } else {
      const Metaspace& rule = stage.metaspace;
      const std::string replaced = replace_all(std::string(piece), " ", rule.replacement);
      const bool at_text_start = first && span.begin == 0 && place.text_start;
      const bool wanted = !rule.never && (rule.first_only ? at_text_start : at_segment_start);
      if (wanted && !replaced.starts_with(rule.replacement)) out += rule.replacement;
      out += replaced;
    }
    span = {begin, out.size()};
    first = false;
  }
  pieces.owned = std::move(out);
  pieces.text = pieces.owned;
}

void PreTokenizer::split(std::string_view text, Place place, Pieces& pieces) const {
  pieces.text = text;
  pieces.spans.clear();
  if (!text.empty()) pieces.spans.push_back({0, text.size()});
  bool letters = false;
  for (size_t i = 0; i < stages_.size(); ++i) {
    const Stage& stage = stages_[i];
    if (stage.kind == Stage::Kind::kSplit) {
      run_split(stage.split, pieces.text, pieces.spans);
    } else if (stage.kind == Stage::Kind::kByteLetters) {
      // The model reads bytes; letters are only written when a later stage looks at them.
      if (i + 1 == stages_.size() || letters) continue;
      rewrite(stage, place, pieces);
      letters = true;
    } else {
      rewrite(stage, place, pieces);
    }
  }
  if (!letters) return;
  std::string bytes;
  for (Span& span : pieces.spans) {
    const size_t begin = bytes.size();
    from_byte_letters(pieces.piece(span), bytes);
    span = {begin, bytes.size()};
  }
  pieces.owned = std::move(bytes);
  pieces.text = pieces.owned;
}

std::string_view PreTokenizer::as_rewritten(std::string_view character) const {
  for (const Stage& stage : stages_)
    if (stage.kind == Stage::Kind::kMetaspace && character == " ") return stage.metaspace.replacement;
  return character;
}

bool PreTokenizer::splits_at_marks() const {
  if (stages_.size() != 2 || stages_[0].kind != Stage::Kind::kMetaspace || stages_[1].kind != Stage::Kind::kSplit)
    return false;
  const SplitStage& split = stages_[1].split;
  return split.pattern == SplitStage::Pattern::kLiteral && split.behavior == SplitStage::Behavior::kMergedWithNext &&
         split.literal == stages_[0].metaspace.replacement &&
         decode_utf8(split.literal, 0).size == split.literal.size();
}

// Note [Where a text can be cut]
// Stages before the first regular expression that look at one character at a time split any tail as they split the
// whole, and only their last piece can still grow. A regular expression that does not look back splits alike from the
// end of each match, and a match found without looking beyond the text is final. So the ends of final matches are cuts.
// Where a piece starts with each of Metaspace's marks, every space and every mark is one.
std::vector<size_t> PreTokenizer::stable_cuts(std::string_view text, Place place) const {
  std::vector<size_t> cuts;
  if (text.empty() || !has_split_) return cuts;
  if (stages_[0].kind == Stage::Kind::kPrefixSpace && place.segment_start && !text.starts_with(' ')) {
    for (size_t cut : stable_cuts(concat(" ", text), place))
      if (cut > 1) cuts.push_back(cut - 1);
    return cuts;
  }
  if (splits_at_marks()) {
    const std::string& mark = stages_[0].metaspace.replacement;
    for (size_t offset = 1; offset < text.size(); ++offset)
      if (text[offset] == ' ' || text.substr(offset).starts_with(mark)) cuts.push_back(offset);
    return cuts;
  }
  std::vector<Span> spans = {{0, text.size()}};
  const SplitStage* regex = nullptr;
  for (size_t i = 0; i < stages_.size() && !regex; ++i) {
    const Stage& stage = stages_[i];
    using Behavior = SplitStage::Behavior;
    if (stage.kind == Stage::Kind::kPrefixSpace && i == 0) continue;  // only ever before the first piece
    if (stage.kind == Stage::Kind::kByteLetters) break;
    if (stage.kind != Stage::Kind::kSplit) return {};
    const Behavior behavior = stage.split.behavior;
    if (behavior == Behavior::kMergedWithNext || behavior == Behavior::kMergedWithPrevious) return {};
    if (stage.split.pattern == SplitStage::Pattern::kLiteral) return {};
    if (stage.split.pattern == SplitStage::Pattern::kRegex) {
      if (!stage.split.regex->forgets_the_past() || behavior == Behavior::kContiguous) return {};
      regex = &stage.split;
    } else {
      run_split(stage.split, text, spans);
    }
  }
  for (size_t i = 0; i < spans.size(); ++i) {
    const bool open = i + 1 == spans.size();
    const Span span = spans[i];
    if (span.begin > 0) cuts.push_back(span.begin);
    if (!regex) continue;
    const std::string_view piece = text.substr(span.begin, span.end - span.begin);
    Regex::Span hit{};
    for (size_t from = 0; from < piece.size();) {
      if (regex->regex->find(piece, from, hit, open) != Regex::Result::kMatch || hit.begin == hit.end) break;
      from = hit.end;
      if (from < piece.size()) cuts.push_back(span.begin + from);
    }
  }
  return cuts;
}

}  // namespace limpid
