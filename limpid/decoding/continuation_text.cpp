#include "limpid/decoding/continuation_text.h"

#include <algorithm>

namespace limpid {

ContinuationText::ContinuationText(std::shared_ptr<const Tokenizer> tokenizer, std::vector<std::string> stop_strings)
    : stop_strings_(std::move(stop_strings)) {
  if (tokenizer) decoder_.emplace(std::move(tokenizer), /*continues=*/true);
}

std::string ContinuationText::push(TokenId id) {
  if (!decoder_ || stopped_) return "";
  return append(decoder_->push(id));
}

std::string ContinuationText::finish() {
  if (!decoder_) return "";
  const std::string shown = stopped_ ? "" : append(decoder_->finish());
  return shown + show_to(text_.size());
}

std::string ContinuationText::append(const std::string& more) {
  const size_t before = text_.size();
  text_ += more;
  size_t cut = std::string::npos;
  for (const std::string& stop : stop_strings_) {
    const size_t reach = stop.empty() ? 0 : stop.size() - 1;  // so much of it may have come before
    cut = std::min(cut, text_.find(stop, before - std::min(before, reach)));
  }
  stopped_ = cut != std::string::npos;
  if (stopped_) text_.resize(cut);
  return show_to(text_.size() - (stopped_ ? 0 : held_back()));
}

std::string ContinuationText::show_to(size_t end) {
  std::string shown = text_.substr(shown_, end - shown_);
  shown_ = end;
  return shown;
}

/// Returns the number of bytes at the end that a stop string may begin with.
size_t ContinuationText::held_back() const {
  size_t held = 0;
  for (const std::string& stop : stop_strings_) {
    size_t length = std::min(text_.size(), stop.empty() ? 0 : stop.size() - 1);
    while (length > held && text_.compare(text_.size() - length, length, stop, 0, length) != 0) --length;
    held = std::max(held, length);
  }
  return held;
}

}  // namespace limpid
