#include <algorithm>

#include "limpid/decoding/generator_rows.h"

namespace limpid {

size_t Generator::rows_in_use() const {
  size_t rows = slots_.size();
  for (const auto& prompt : prompts_) rows += prompt->samples.size();
  return rows;
}

/// Takes so many requests from the source that admission sees as far as if all were waiting: free rows, and one more,
/// whose prompt may be the last one's.
void Generator::refill_waiting() {
  while (source_ && waiting_.size() + rows_in_use() <= options_.max_rows) {
    auto request = source_();
    if (request)
      submit(*std::move(request));
    else
      source_ = nullptr;
  }
}

/// Gives free rows to those that wait, in their order, each with the prompt that it starts from.
void Generator::admit_waiting() {
  size_t promised = 0;
  for (const auto& prompt : prompts_) promised += doors_.bytes_to_append(*prompt, prompt->unread().size());
  while (rows_in_use() < options_.max_rows && !waiting_.empty() && make_room_for(waiting_.front(), promised)) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    if (kept_prompt_ && same_start(kept_prompt_->row.request, next.request))
      prompts_.push_back(std::move(kept_prompt_));
    auto prompt =
        std::ranges::find_if(prompts_, [&](const auto& known) { return same_start(known->row.request, next.request); });
    if (prompt == prompts_.end()) {
      prompt = prompts_.insert(prompt, std::make_unique<Prompt>(doors_.open_row(next.request)));
      kept_.resume(**prompt);
    }
    (*prompt)->samples.push_back(std::move(next));
  }
  if (!waiting_.empty() && kept_prompt_ && !same_start(kept_prompt_->row.request, waiting_.front().request))
    kept_prompt_ = nullptr;
}

/// Reads prompts, in their order, and draws the first token of their samples.
void Generator::read_prompts(const OnDone& done) {
  struct Part {
    Prompt* prompt;
    size_t tokens;
    bool is_last;
  };
  const auto plan = [&] {
    std::vector<Part> parts;
    size_t left = options_.prompt_tokens ? options_.prompt_tokens : SIZE_MAX;
    for (const auto& prompt : prompts_) {
      if (prompt->is_read()) continue;
      const size_t unread = prompt->unread().size(), tokens = std::min(unread, left);
      if (tokens == 0) break;
      parts.push_back({prompt.get(), tokens, tokens == unread});
      left -= tokens;
    }
    return parts;
  };
  make_room([&] {
    size_t bytes = 0;
    for (const Part& part : plan()) bytes += doors_.bytes_to_append(*part.prompt, part.tokens);
    return bytes;
  });
  std::vector<ActiveRow*> whole, begun;
  std::vector<size_t> tokens;
  for (const Part& part : plan()) {
    prefill_.tokens += part.tokens;
    (part.is_last ? whole : begun).push_back(part.prompt);
    if (!part.is_last) tokens.push_back(part.tokens);
  }
  read_part(begun, tokens);
  const Tensor logits = read(whole);
  for (size_t r = 0; r < whole.size(); ++r) {
    Prompt& prompt = *static_cast<Prompt*>(whole[r]);
    if (logits.defined()) prompt.logits = logits[int64_t(r)];
    if (!prompt.error && options_.cache_bytes > 0) kept_.keep(prompt);
  }

  std::vector<Slot*> fresh;
  for (auto& prompt : prompts_) {
    if (!prompt->is_read()) continue;
    start_samples(*prompt, fresh);
    if (!prompt->error && !waiting_.empty() && same_start(prompt->row.request, waiting_.front().request))
      kept_prompt_ = std::move(prompt);
  }
  std::erase_if(prompts_, [](const auto& prompt) { return !prompt || prompt->samples.empty(); });
  sample_slots(fresh, done);
}

/// @param fresh  gets the samples that draw their first token from the prompt's logits
void Generator::start_samples(Prompt& prompt, std::vector<Slot*>& fresh) {
  for (Waiting& next : prompt.samples) {
    const Tensor first = prompt.logits.defined() ? prompt.logits.clone() : Tensor();
    auto slot = std::make_unique<Slot>(prompt, first,
                                       ContinuationText(doors_.model().tokenizer(), next.request.stop.stop_strings));
    slot->row.id = next.id;
    slot->row.request = std::move(next.request);
    slot->again = std::move(next.drawn);
    slot->courses = std::move(next.courses);
    if (slot->courses.empty()) slot->courses = {{0, slot->row.request.strengths, slot->row.request.attempt}};
    const bool turned_at_once = slot->courses.size() > 1 && slot->courses[1].from == 0;
    if (turned_at_once && !slot->error) {  // its first token follows the prompt's last at other strengths
      slot->cache.truncate(slot->row.request.prompt_ids.size() - 1);
      slot->follow_courses();
    } else {
      fresh.push_back(slot.get());
    }
    slots_.push_back(std::move(slot));
  }
  prompt.samples.clear();
}

}  // namespace limpid
