#include "limpid/server/scheduler/row_writer.h"

#include <algorithm>

namespace limpid::server {

TokenBytes bytes_of(const Tokenizer& tokenizer, TokenId id) {
  std::string bytes(tokenizer.token_bytes(id));
  std::string spelling(bytes.empty() ? tokenizer.token_text(id) : "");
  return {id, std::move(bytes), std::move(spelling)};
}

TokenRecord record_of(const Tokenizer& tokenizer, const TokenEvent& event) {
  TokenRecord record{bytes_of(tokenizer, event.id), event.log_prob, {}, {}};
  for (const auto& [id, log_prob] : event.top) record.top.emplace_back(bytes_of(tokenizer, id), log_prob);
  if (const auto& found = event.explanation)
    record.explanation = {found->base_log_prob, bytes_of(tokenizer, found->base_id), found->kl};
  return record;
}

void RowWriter::take(const TokenEvent& event, bool is_end) {
  text_ += event.text;
  ended_ = event.finish_reason.has_value();
  if (is_end) return;
  ++tokens_;
  if (!with_tokens_) return;
  waiting_.push_back({record_of(*tokenizer_, event), bytes_});
  bytes_ += waiting_.back().record.token.bytes.size();
}

std::optional<Piece> RowWriter::next_piece() {
  Piece piece{choice_, text_.substr(given_), {}};
  given_ = text_.size();
  while (!waiting_.empty()) {
    Placed& next = waiting_.front();
    std::string& bytes = next.record.token.bytes;
    if (next.begin + bytes.size() > given_) {
      if (!ended_) break;
      bytes.resize(given_ - std::min(given_, next.begin));
      if (bytes.empty()) {
        waiting_.clear();
        break;
      }
    }
    piece.tokens.push_back(std::move(next.record));
    waiting_.pop_front();
  }
  if (piece.text.empty() && piece.tokens.empty()) return std::nullopt;
  return piece;
}

}  // namespace limpid::server
