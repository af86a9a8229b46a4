#include "limpid/tokenizers/byte_stream.h"

#include <algorithm>

#include "limpid/core/error.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

ByteAlignedStream::ByteAlignedStream(std::shared_ptr<const Tokenizer> target,
                                     std::shared_ptr<const Tokenizer> calibrator)
    : target_(std::move(target)),
      calibrator_(std::move(calibrator)) {}

ByteAlignedStream::Change ByteAlignedStream::push(TokenId target_token) {
  std::string_view bytes = target_->is_special(target_token) ? std::string_view() : target_->token_bytes(target_token);
  Moment now = history_.back();
  if (!bytes.empty() && !now.started) {
    if (target_->has_dummy_prefix() && bytes.starts_with(' ')) bytes.remove_prefix(1);
    now.started = true;
  }
  now.unfinished += bytes;
  const size_t ready = now.unfinished.size() - incomplete_tail(now.unfinished);
  text_ += to_valid_utf8(std::string_view(now.unfinished).substr(0, ready));
  now.unfinished.erase(0, ready);
  now.text = text_.size();
  const bool same_text = now.text == history_.back().text;
  history_.push_back(std::move(now));
  return same_text ? Change{ids_.size(), {}} : encode_tail();
}

ByteAlignedStream::Change ByteAlignedStream::rewind(size_t target_tokens) {
  LIMPID_CHECK(target_tokens < history_.size(), ConfigError, "[byte stream] cannot take back ", target_tokens,
               " tokens, ", history_.size() - 1, " were given");
  history_.resize(history_.size() - target_tokens);
  if (history_.back().text == text_.size()) return {ids_.size(), {}};
  text_.resize(history_.back().text);
  while (cuts_.back().found_at > text_.size()) cuts_.pop_back();  // found by looking at text that is gone
  return encode_tail();
}

ByteAlignedStream::Change ByteAlignedStream::encode_tail() {
  const Cut from = cuts_.back();
  const std::string_view tail = std::string_view(text_).substr(from.text);
  const TokenIds fresh = calibrator_->encode_part(tail, from.start);
  if (const SafeCut cut = calibrator_->safe_cut(tail, from.start); cut.offset > 0) {
    const size_t after = calibrator_->encode_part(tail.substr(cut.offset), cut.behind).size();
    cuts_.push_back({from.text + cut.offset, from.ids + fresh.size() - after, text_.size(), cut.behind});
  }
  const auto old_tail = ids_.begin() + std::ptrdiff_t(from.ids);
  const size_t same = size_t(std::mismatch(old_tail, ids_.end(), fresh.begin(), fresh.end()).first - old_tail);
  Change change{from.ids + same, TokenIds(fresh.begin() + std::ptrdiff_t(same), fresh.end())};
  ids_.resize(change.keep);
  ids_.insert(ids_.end(), change.add.begin(), change.add.end());
  return change;
}

}  // namespace limpid
