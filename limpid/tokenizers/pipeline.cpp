#include "limpid/tokenizers/pipeline.h"

#include <algorithm>
#include <utility>

#include "limpid/core/error.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

PipelineTokenizer::PipelineTokenizer(PipelineParts parts) : parts_(std::move(parts)) {
  for (TokenId id = 0; size_t(id) < parts_.tokens->size(); ++id)
    if (parts_.tokens->special(id) && !parts_.tokens->text(id).empty())
      specials_.emplace_back(parts_.tokens->text(id), id);
  std::sort(specials_.begin(), specials_.end());
}

std::optional<TokenId> PipelineTokenizer::find(std::string_view special_token) const {
  const auto special = std::lower_bound(specials_.begin(), specials_.end(), special_token,
                                        [](const auto& entry, std::string_view text) { return entry.first < text; });
  if (special == specials_.end() || special->first != special_token) return std::nullopt;
  return special->second;
}

TokenIds PipelineTokenizer::encode(std::string_view text, bool add_special) const {
  TokenIds ids = encode_part(text, {});
  if (!add_special) return ids;
  ids.insert(ids.begin(), parts_.prefix.begin(), parts_.prefix.end());
  ids.insert(ids.end(), parts_.suffix.begin(), parts_.suffix.end());
  return ids;
}

// What stands behind an added token begins anew.
constexpr Place kBehindAddedToken = {false, true};

TokenIds PipelineTokenizer::encode_part(std::string_view text, const PartStart& start) const {
  std::string repaired;
  if (!is_valid_utf8(text)) text = repaired = to_valid_utf8(text);
  TokenIds ids;
  ids.reserve(text.size() / 3 + 4);
  SegmentStart segment = {{start.text_start, start.text_start}, start.score};
  size_t done = 0;
  for (const AddedTokens::Match& match : parts_.raw_added.find_all(text)) {
    encode_segment(text.substr(done, match.begin - done), segment, ids);
    ids.push_back(match.id);
    done = match.end;
    segment = {kBehindAddedToken};
  }
  encode_segment(text.substr(done), segment, ids);
  return ids;
}

void PipelineTokenizer::encode_segment(std::string_view segment, SegmentStart start, TokenIds& ids) const {
  if (segment.empty()) return;
  if (parts_.normalizer.changes_nothing() && parts_.normalized_added.empty()) return encode_pieces(segment, start, ids);
  const std::string normalized = parts_.normalizer.apply(segment, start.place);
  const std::string_view text = normalized;
  if (start.place.text_start && !parts_.normalizer.keeps_start(segment)) start.place.text_start = false;
  size_t done = 0;
  for (const AddedTokens::Match& match : parts_.normalized_added.find_all(text)) {
    encode_pieces(text.substr(done, match.begin - done), start, ids);
    ids.push_back(match.id);
    done = match.end;
    start = {kBehindAddedToken};
  }
  encode_pieces(text.substr(done), start, ids);
}

void PipelineTokenizer::encode_pieces(std::string_view normalized, SegmentStart start, TokenIds& ids) const {
  if (normalized.empty()) return;
  Pieces pieces;
  parts_.pretokenizer.split(normalized, start.place, pieces);
  for (const Pieces::Span& span : pieces.spans)
    if (span.end > span.begin) parts_.model->encode_behind(pieces.piece(span), std::exchange(start.score, 0), ids);
}

SafeCut PipelineTokenizer::safe_cut(std::string_view text, const PartStart& start) const {
  if (parts_.raw_added.has_single_word() || parts_.normalized_added.has_single_word() || !is_valid_utf8(text))
    return {};
  // Only the segment after the last added token is cut, and only inside: what stands at its start may depend on that.
  const size_t open = parts_.raw_added.open_from(text, 0);
  size_t begin = 0;
  for (const AddedTokens::Match& match : parts_.raw_added.find_all(text))
    if (match.end <= open) begin = match.end;
  if (begin >= open) return {};
  const SegmentStart segment =
      begin > 0 ? SegmentStart{kBehindAddedToken} : SegmentStart{{start.text_start, start.text_start}, start.score};
  SafeCut cut = segment_cut(text.substr(begin, open - begin), segment);
  if (cut.offset > 0) cut.offset += begin;
  return cut;
}

// Returns what the model has behind the first piece of a text.
double PipelineTokenizer::score_of(std::string_view normalized, const SegmentStart& start) const {
  if (!parts_.pretokenizer.splits_nothing()) return 0;  // cuts lie between pieces, of which each begins anew
  Pieces pieces;
  parts_.pretokenizer.split(normalized, start.place, pieces);
  return parts_.model->score(pieces.piece(pieces.spans.at(0)), start.score);
}

// Returns the last safe cut of a segment whose end is open: a continuation or an added token may follow.
SafeCut PipelineTokenizer::segment_cut(std::string_view segment, SegmentStart start) const {
  // Whether this starts the text for what comes behind the normalizer, encode_segment() asks of a whole segment.
  if (start.place.text_start && !parts_.normalizer.keeps_start(segment)) return {};
  // Normalised part by part, so that offsets of the two texts can be matched where parts start. The last part could
  // still change and is left out.
  std::string owned;
  std::string_view normalized = segment;
  std::vector<std::pair<size_t, size_t>> starts;  // of parts: offset in the normalised text, offset in the segment
  if (!parts_.normalizer.changes_nothing()) {
    if (!parts_.normalizer.works_in_parts()) return {};
    size_t part = 0;
    char32_t left = 0;
    for (size_t offset = 0; offset < segment.size();) {
      const Utf8 next = decode_utf8(segment, offset);
      if (offset > 0 && parts_.normalizer.starts_part(left, next.code)) {
        owned +=
            parts_.normalizer.apply(segment.substr(part, offset - part), part == 0 ? start.place : Place{false, false});
        if (owned.empty()) return {};  // whether a prefix belongs in front is not known yet
        part = offset;
        starts.emplace_back(owned.size(), offset);
      }
      left = next.code;
      offset += next.size;
    }
    normalized = owned;
  }
  const AddedTokens& added = parts_.normalized_added;
  const size_t open = added.open_from(normalized, 0);
  size_t begin = 0;
  for (const AddedTokens::Match& match : added.find_all(normalized))
    if (match.end <= open) begin = match.end, start = {kBehindAddedToken};
  if (begin >= open) return {};
  const std::vector<size_t> cuts = piece_cuts(normalized.substr(begin, open - begin), start.place);
  for (auto cut = cuts.rbegin(); cut != cuts.rend(); ++cut) {
    const auto found_at = [&](size_t offset) {
      return SafeCut{offset, {/*text_start=*/false, score_of(normalized.substr(begin, *cut), start)}};
    };
    const size_t offset = begin + *cut;
    if (parts_.normalizer.changes_nothing()) return found_at(offset);
    const auto part = std::lower_bound(starts.begin(), starts.end(), std::pair<size_t, size_t>(offset, 0));
    // Two parts can start at one place when a part normalises to nothing: then the cut's side would be a guess.
    if (part == starts.end() || part->first != offset) continue;
    if (part + 1 != starts.end() && (part + 1)->first == offset) continue;
    return found_at(part->second);
  }
  return {};
}

std::vector<size_t> PipelineTokenizer::piece_cuts(std::string_view text, Place place) const {
  if (!parts_.pretokenizer.splits_nothing()) return parts_.pretokenizer.stable_cuts(text, place);
  std::vector<size_t> cuts;
  std::string_view left;
  for (size_t offset = 0; offset < text.size();) {
    const std::string_view right = text.substr(offset, decode_utf8(text, offset).size);
    const auto& seen = parts_.pretokenizer;
    if (offset > 0 && !parts_.model->may_join(seen.as_rewritten(left), seen.as_rewritten(right)))
      cuts.push_back(offset);
    offset += right.size();
    left = right;
  }
  return cuts;
}

std::string PipelineTokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  if (parts_.decoder) {
    std::vector<std::string> names;
    for (TokenId id : ids)
      if (parts_.names->known(id) && !(skip_special && is_special(id))) names.emplace_back(parts_.names->text(id));
    return to_valid_utf8(parts_.decoder->text(std::move(names)));
  }
  std::string bytes;
  const bool show_special = !skip_special && !parts_.hides_special;
  for (TokenId id : ids) {
    if (id == parts_.unknown)
      bytes += parts_.unknown_text;
    else
      bytes += show_special ? token_text(id) : token_bytes(id);
  }
  if (parts_.dummy_prefix && bytes.starts_with(' ')) bytes.erase(0, 1);
  return to_valid_utf8(bytes);
}

}  // namespace limpid
