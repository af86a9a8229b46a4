#include <algorithm>

#include "limpid/decoding/generator_rows.h"

namespace limpid {

size_t Generator::free_bytes() const {
  const size_t used = cache_bytes();
  return options_.cache_bytes - std::min(options_.cache_bytes, used);
}

/// Gives back what is kept for requests to come. Returns false when there is nothing.
bool Generator::drop_kept() {
  if (kept_.drop_oldest()) return true;
  return std::exchange(kept_prompt_, nullptr) != nullptr;
}

/// Returns whether a request may begin: there is memory for all that it has to read at first, or no other row.
/// @param promised  bytes that rows which were let in before will take; grows by those of this one
bool Generator::make_room_for(const Waiting& next, size_t& promised) {
  if (options_.cache_bytes == 0) return true;
  const size_t bytes =
      doors_.bytes_to_append(doors_.open_row(next.request), next.request.prompt_ids.size() + next.drawn.size() + 1);
  while (promised + bytes > free_bytes()) {
    if (drop_kept()) continue;
    if (rows_in_use() > 0) return false;
    break;  // it is alone, and gets what it needs
  }
  promised += bytes;
  return true;
}

/// Makes room for what a step takes.
void Generator::make_room(const std::function<size_t()>& needed) {
  if (options_.cache_bytes == 0) return;
  while (needed() > free_bytes())
    if (!drop_kept() && !preempt_last()) return;
}

/// Takes the pages of the row that came last; it waits and is read again. Returns false when it is the only one.
bool Generator::preempt_last() {
  const auto last_slot = std::ranges::max_element(slots_, {}, [](const auto& slot) { return slot->row.id; });
  const auto id_of = [](const auto& prompt) {
    return prompt->samples.empty() ? 0 : std::ranges::max(prompt->samples, {}, &Waiting::id).id;
  };
  const auto last_prompt = std::ranges::max_element(prompts_, {}, id_of);
  if (slots_.size() + prompts_.size() < 2) return false;
  ++preemptions_;
  if (last_prompt != prompts_.end() && (last_slot == slots_.end() || id_of(*last_prompt) > (*last_slot)->row.id)) {
    for (Waiting& sample : (*last_prompt)->samples) wait_again(std::move(sample));
    prompts_.erase(last_prompt);
    return true;
  }
  Slot& slot = **last_slot;
  Waiting waiting{slot.row.id, std::move(slot.row.request), std::move(slot.again), std::move(slot.courses)};
  if (slot.row.new_ids.size() > waiting.drawn.size()) waiting.drawn = std::move(slot.row.new_ids);
  waiting.request.strengths = waiting.courses.front().strengths;
  waiting.request.attempt = waiting.courses.front().attempt;
  slots_.erase(last_slot);
  wait_again(std::move(waiting));
  return true;
}

/// Puts a request in front of those that came later.
void Generator::wait_again(Waiting waiting) {
  const auto place = std::ranges::find_if(waiting_, [&](const Waiting& other) { return other.id > waiting.id; });
  waiting_.insert(place, std::move(waiting));
}

}  // namespace limpid
