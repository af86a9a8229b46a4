#include <algorithm>

#include "limpid/core/out_of_memory.h"
#include "limpid/core/random.h"
#include "limpid/decoding/generator_rows.h"
#include "limpid/decoding/logits.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid {
namespace {

/// Runs a step of rows. What it throws ends the rows, but for what is no row's fault.
template <class Work>
void step_rows(std::span<ActiveRow* const> rows, Work work) {
  if (rows.empty()) return;
  try {
    work();
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    if (is_out_of_memory(error)) throw;  // the next step would want as much
    for (ActiveRow* row : rows)
      if (!row->error) row->error = reason_of(error);
  }
}

}  // namespace

/// Returns logits [rows, V]; undefined when an exception ended the rows.
Tensor Generator::read(std::span<ActiveRow* const> rows) {
  Tensor logits;
  step_rows(rows, [&] { logits = doors_.step(rows).logits; });
  return logits;
}

void Generator::read_part(std::span<ActiveRow* const> rows, std::span<const size_t> tokens) {
  step_rows(rows, [&] { doors_.read_part(rows, tokens); });
}

void Generator::decode_step(const OnDone& done) {
  const auto moving = [&] {
    std::vector<Slot*> slots;
    for (const auto& slot : slots_)
      if (!slot->paused) slots.push_back(slot.get());
    return slots;
  };
  make_room([&] {
    size_t bytes = 0;
    for (const Slot* slot : moving()) bytes += doors_.bytes_to_append(*slot, slot->unread().size());
    return bytes;
  });
  const std::vector<Slot*> active = moving();
  const Tensor logits = read(std::vector<ActiveRow*>(active.begin(), active.end()));
  for (size_t r = 0; logits.defined() && r < active.size(); ++r) active[r]->logits = logits[int64_t(r)];
  sample_slots(active, done);
}

void Generator::sample_slots(std::span<Slot* const> slots, const OnDone& done) {
  std::vector<Slot*> sound;
  std::copy_if(slots.begin(), slots.end(), std::back_inserter(sound), [](const Slot* slot) { return !slot->error; });
  if (options_.on_logits)
    for (const Slot* slot : sound)
      options_.on_logits(slot->row, {slot->logits.const_data_ptr<float>(), size_t(slot->logits.numel())});
  kernels::parallel_for(sound.size(), [&](size_t i) {
    try {
      draw(*sound[i]);
    } catch (const std::exception& error) {
      sound[i]->error = error.what();
    }
  });
  for (Slot* slot : sound)
    if (!slot->error) accept(*slot);
  for (Slot* slot : slots) deliver(*slot, done);
}

void Generator::draw(Slot& slot) const {
  const Request& request = slot.row.request;
  const size_t step = slot.row.new_ids.size();
  slot.drawn = {.request = slot.row.id};
  slot.is_told = step < slot.again.size();
  if (slot.is_told) {
    slot.drawn.id = slot.again[step];
    return;
  }
  const std::span<float> z(slot.logits.mutable_data_ptr<float>(), size_t(slot.logits.numel()));
  const bool is_shown = request.log_probs || request.explain;
  const std::vector<float> unfiltered = is_shown ? std::vector(z.begin(), z.end()) : std::vector<float>();
  if (step < request.given.size()) {
    slot.drawn.id = request.given[step];
  } else {
    const uint64_t sample_of_attempt = request.sample + (uint64_t(request.attempt) << 24);
    const float number = options_.uniform ? options_.uniform(slot.row)
                                          : uniform(request.sampling.seed, request.prompt, sample_of_attempt, step);
    slot.drawn.id = sample(z, request.sampling, slot.row.seen(), number);
  }
  if (!is_shown) return;
  const auto log_prob_in = [](std::span<const float> logits) {
    return [logits, log_sum = log_sum_exp(logits)](TokenId id) { return float(double(logits[size_t(id)]) - log_sum); };
  };
  const auto log_prob = log_prob_in(unfiltered);
  slot.drawn.log_prob = log_prob(slot.drawn.id);
  for (TokenId id : likeliest(unfiltered, request.log_probs.value_or(0))) slot.drawn.top.emplace_back(id, log_prob(id));
  if (!request.explain) return;
  std::span<const float> plain = unfiltered;
  if (slot.plain_logits.defined()) plain = {slot.plain_logits.const_data_ptr<float>(), unfiltered.size()};
  slot.drawn.explanation = {log_prob_in(plain)(slot.drawn.id), best(plain), kl_divergence(unfiltered, plain)};
}

/// Adds the token that was drawn to its row.
void Generator::accept(Slot& slot) {
  const StopRules& stop = slot.row.request.stop;
  TokenEvent& drawn = slot.drawn;
  if (slot.is_told) {
    slot.row.new_ids.push_back(drawn.id);
    slot.text.push(drawn.id);
    slot.follow_courses();
    return;
  }
  ++tokens_generated_;
  if (std::find(stop.stop_tokens.begin(), stop.stop_tokens.end(), drawn.id) != stop.stop_tokens.end()) {
    drawn.finish_reason = FinishReason::Stop;
  } else {
    slot.row.new_ids.push_back(drawn.id);
    drawn.text = slot.text.push(drawn.id);
    if (int64_t(slot.row.new_ids.size()) >= stop.max_new_tokens) drawn.finish_reason = FinishReason::Length;
  }
  if (drawn.finish_reason) drawn.text += slot.text.finish();
  if (slot.text.is_stopped()) drawn.finish_reason = FinishReason::Stop;
}

/// Tells what became of a row in a step. Callbacks may cancel it.
void Generator::deliver(Slot& slot, const OnDone& done) {
  const Request& request = slot.row.request;
  if (slot.error) {
    slot.drawn.finish_reason = FinishReason::Error;
    slot.text.finish();
  } else if (request.on_token && !slot.gone && !slot.is_told) {
    request.on_token(slot.drawn);
  }
  if (slot.gone || !slot.drawn.finish_reason) return;
  slot.gone = true;
  done(Completion{request.prompt, request.sample, slot.row.new_ids, slot.text.text(), *slot.drawn.finish_reason,
                  slot.error.value_or(""), slot.row.id, slot.kept_tokens, slot.not_finite});
}

}  // namespace limpid
