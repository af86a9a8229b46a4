#include "apps/engine/growing_texts.h"

#include <unistd.h>

#include <iostream>
#include <utility>

#include "limpid/core/error.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid::apps {

std::string harmless(std::string_view text) {
  std::string out;
  for (size_t offset = 0; offset < text.size();) {
    const Utf8 next = decode_utf8(text, offset);
    const bool control =
        (next.code < 0x20 && next.code != '\n' && next.code != '\t') || (next.code >= 0x7F && next.code < 0xA0);
    if (!control)
      out.append(text, offset, next.size);
    else if (next.code != '\r')
      out += "\uFFFD";
    offset += next.size;
  }
  return out;
}

GrowingTexts::GrowingTexts(size_t prompts, size_t samples)
    : samples_(samples),
      on_terminal_(isatty(STDOUT_FILENO)),
      texts_(prompts * samples) {
  begin();
}

GrowingTexts::~GrowingTexts() {
  try {
    end_line();
  } catch (const std::exception&) {  // standard output cannot be written, which is told at the end (StandardOutput)
  }
}

void GrowingTexts::grow(uint64_t prompt, uint64_t sample, const std::string& piece) {
  const size_t text = size_t(prompt) * samples_ + size_t(sample);
  if (text == shown_)
    show(piece);
  else
    waiting_[text].held += piece;
}

void GrowingTexts::finish(uint64_t prompt, uint64_t sample) {
  waiting_[size_t(prompt) * samples_ + size_t(sample)].finished = true;
  while (shown_ < texts_ && waiting_[shown_].finished) {
    end_line();
    waiting_.erase(shown_++);
    begin();
  }
}

void GrowingTexts::end_line() {
  if (line_open_) std::cout << '\n';
  std::cout.flush();
  line_open_ = false;
}

/// Shows the header of the text whose turn it is, and as much of it as there is.
void GrowingTexts::begin() {
  if (shown_ == texts_) return;
  if (texts_ > 1) {
    const size_t prompt = shown_ / samples_ + 1, sample = shown_ % samples_ + 1;
    const bool prompts = texts_ > samples_, samples = samples_ > 1;
    std::cout << (shown_ > 0 ? "\n" : "") << "[" << (prompts ? concat("prompt ", prompt) : "")
              << (prompts && samples ? ", " : "") << (samples ? concat("sample ", sample) : "") << "]\n";
  }
  show(std::exchange(waiting_[shown_].held, {}));
}

void GrowingTexts::show(const std::string& piece) {
  if (piece.empty()) return;
  std::cout << (on_terminal_ ? harmless(piece) : piece) << std::flush;
  line_open_ = piece.back() != '\n';
}

}  // namespace limpid::apps
