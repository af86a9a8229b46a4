#include "limpid/decoding/generator.h"

#include <algorithm>
#include <chrono>

#include "limpid/core/out_of_memory.h"
#include "limpid/core/random.h"
#include "limpid/decoding/continuation_text.h"
#include "limpid/decoding/logits.h"
#include "limpid/decoding/writing.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid {

struct Generator::Prompt : ActiveRow {
  Tensor logits = {};  // [V], after all sessions; its samples draw their first token from a copy
};

struct Generator::Slot : ActiveRow {
  Tensor logits;  // [V], edited in place by the sampler
  ContinuationText text;
  TokenEvent drawn = {};  // the last token
  bool gone = false;      // finished or cancelled
};

Generator::Generator(std::shared_ptr<const Model> model, std::vector<std::unique_ptr<Session>> sessions,
                     GeneratorOptions options)
    : doors_(std::move(model), std::move(sessions), options.watch),
      options_(std::move(options)) {
  LIMPID_CHECK(options_.max_rows > 0, ConfigError, "the generator needs at least one row");
}

Generator::~Generator() = default;

RequestId Generator::submit(Request request) {
  request.sampling.check();
  LIMPID_CHECK(!request.prompt_ids.empty(), ConfigError,
               "the prompt has no tokens; give a text, or a token that begins one");
  LIMPID_CHECK(request.stop.max_new_tokens > 0, ConfigError, "the number of new tokens is ",
               request.stop.max_new_tokens, ", expected at least 1");
  request.strengths.resize(doors_.sessions(), 0.0f);
  doors_.check_strengths(request.strengths);
  check_fits(doors_.model(), request);
  waiting_.push_back({next_id_, std::move(request)});
  return next_id_++;
}

Generator::Slot* Generator::find_active(RequestId request) {
  const auto active = std::find_if(slots_.begin(), slots_.end(), [&](const std::unique_ptr<Slot>& slot) {
    return slot->row.id == request && !slot->gone && !slot->drawn.finish_reason;
  });
  return active == slots_.end() ? nullptr : active->get();
}

std::deque<Generator::Waiting>::iterator Generator::find_waiting(RequestId request) {
  return std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& waiting) { return waiting.id == request; });
}

bool Generator::cancel(RequestId request) {
  if (const auto waiting = find_waiting(request); waiting != waiting_.end()) {
    waiting_.erase(waiting);
    return true;
  }
  Slot* slot = find_active(request);
  if (slot) slot->gone = true;
  return slot != nullptr;
}

void Generator::rewind(RequestId request, size_t tokens) {
  Slot* slot = find_active(request);
  const bool waits = find_waiting(request) != waiting_.end();
  LIMPID_CHECK(slot || waits, ConfigError, "[generator] request ", request, " has finished; nothing can be taken back");
  const size_t drawn = slot ? slot->row.new_ids.size() : 0;
  LIMPID_CHECK(tokens <= drawn, ConfigError, "[generator] cannot take back ", tokens, " tokens of request ", request,
               ", it has ", drawn);
  if (tokens == 0) return;
  Row& row = slot->row;
  const size_t length = row.request.prompt_ids.size() + drawn - tokens - 1;  // the last token is read again
  LIMPID_CHECK(length >= slot->cache.least_length(), ConfigError, "[generator] cannot take back ", tokens,
               " tokens of request ", request, ", whose text is longer than the model's window; at most ",
               slot->cache.length() - slot->cache.least_length(), " can be");
  row.new_ids.resize(drawn - tokens);
  slot->cache.truncate(length);
  slot->text = {doors_.model().tokenizer(), row.request.stop.stop_strings};
  for (TokenId id : row.new_ids) slot->text.push(id);
}

RequestId Generator::fork(RequestId request, uint64_t sample) {
  const RequestId id = next_id_++;
  if (const auto waiting = find_waiting(request); waiting != waiting_.end()) {
    Waiting copy{id, waiting->request};
    copy.request.sample = sample;
    waiting_.insert(std::next(waiting), std::move(copy));
    return id;
  }
  const Slot* slot = find_active(request);
  LIMPID_CHECK(slot, ConfigError, "[generator] request ", request, " has finished and cannot be forked");
  auto copy = std::make_unique<Slot>(*slot);
  copy->row.id = id;
  copy->row.request.sample = sample;
  slots_.push_back(std::move(copy));
  return id;
}

bool Generator::step(const OnDone& done) {
  torch::NoGradGuard no_grad;
  const auto sweep = [&] { std::erase_if(slots_, [](const std::unique_ptr<Slot>& slot) { return slot->gone; }); };
  const auto timed = [](Pace& pace, auto&& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    pace.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  sweep();
  timed(prefill_, [&] { admit_waiting(done); });
  sweep();
  const uint64_t before = tokens_generated_;
  if (!slots_.empty()) timed(decode_, [&] { decode_step(done); });
  decode_.tokens += tokens_generated_ - before;
  sweep();
  return !slots_.empty() || !waiting_.empty();
}

namespace {

bool same_start(const Request& a, const Request& b) {
  return a.prompt == b.prompt && a.strengths == b.strengths && a.prompt_ids == b.prompt_ids;
}

}  // namespace

/// Takes so many requests from the source that admission sees as far as if all were waiting: free rows, and one more,
/// whose prompt may be the last one's.
void Generator::refill_waiting() {
  while (source_ && waiting_.size() + slots_.size() <= options_.max_rows) {
    auto request = source_();
    if (request)
      submit(*std::move(request));
    else
      source_ = nullptr;
  }
}

void Generator::admit_waiting(const OnDone& done) {
  refill_waiting();
  if (slots_.size() >= options_.max_rows || waiting_.empty()) return;
  std::vector<std::unique_ptr<Prompt>> prompts;
  std::vector<ActiveRow*> unread;
  if (kept_prompt_) prompts.push_back(std::move(kept_prompt_));
  std::vector<std::pair<Waiting, const Prompt*>> admitted;
  for (; slots_.size() + admitted.size() < options_.max_rows && !waiting_.empty(); waiting_.pop_front()) {
    Waiting& next = waiting_.front();
    auto prompt = std::find_if(prompts.begin(), prompts.end(),
                               [&](const auto& known) { return same_start(known->row.request, next.request); });
    if (prompt == prompts.end()) {
      prompt = prompts.insert(prompt, std::make_unique<Prompt>(doors_.open_row(next.request)));
      unread.push_back(prompt->get());
      prefill_.tokens += next.request.prompt_ids.size();
    }
    admitted.emplace_back(std::move(next), prompt->get());
  }
  const Tensor logits = read(unread);
  for (size_t r = 0; logits.defined() && r < unread.size(); ++r)
    static_cast<Prompt*>(unread[r])->logits = logits[int64_t(r)];

  std::vector<Slot*> fresh;
  for (auto& [next, prompt] : admitted) {
    const Tensor first = prompt->logits.defined() ? prompt->logits.clone() : Tensor();
    auto slot = std::make_unique<Slot>(*prompt, first,
                                       ContinuationText(doors_.model().tokenizer(), next.request.stop.stop_strings));
    slot->row.id = next.id;
    slot->row.request = std::move(next.request);
    fresh.push_back(slot.get());
    slots_.push_back(std::move(slot));
  }
  for (auto& prompt : prompts)
    if (!prompt->error && !waiting_.empty() && same_start(prompt->row.request, waiting_.front().request))
      kept_prompt_ = std::move(prompt);
  sample_slots(fresh, done);
}

/// Returns logits [rows, V]; undefined when an exception ended the rows.
Tensor Generator::read(std::span<ActiveRow* const> rows) {
  if (rows.empty()) return {};
  try {
    return doors_.step(rows).logits;
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& error) {
    if (is_out_of_memory(error)) throw;  // no row's fault: the next step would want as much
    for (ActiveRow* row : rows)
      if (!row->error) row->error = reason_of(error);
    return {};
  }
}

void Generator::decode_step(const OnDone& done) {
  std::vector<Slot*> active;
  for (const auto& slot : slots_) active.push_back(slot.get());
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
  const std::span<float> z(slot.logits.mutable_data_ptr<float>(), size_t(slot.logits.numel()));
  const std::vector<float> unfiltered = request.log_probs ? std::vector(z.begin(), z.end()) : std::vector<float>();
  slot.drawn = {.request = slot.row.id};
  if (step < request.given.size()) {
    slot.drawn.id = request.given[step];
  } else {
    const float number = options_.uniform ? options_.uniform(slot.row)
                                          : uniform(request.sampling.seed, request.prompt, request.sample, step);
    const TokenIds seen = request.sampling.repetition_penalty == 1.0f ? TokenIds{} : slot.row.history();
    slot.drawn.id = sample(z, request.sampling, seen, number);
  }
  if (!request.log_probs) return;
  const double log_sum = log_sum_exp(unfiltered);
  const auto log_prob = [&](TokenId id) { return float(double(unfiltered[size_t(id)]) - log_sum); };
  slot.drawn.log_prob = log_prob(slot.drawn.id);
  for (TokenId id : likeliest(unfiltered, *request.log_probs)) slot.drawn.top.emplace_back(id, log_prob(id));
}

/// Adds the token that was drawn to its row.
void Generator::accept(Slot& slot) {
  const StopRules& stop = slot.row.request.stop;
  TokenEvent& drawn = slot.drawn;
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
  } else if (request.on_token && !slot.gone) {
    request.on_token(slot.drawn);
  }
  if (slot.gone || !slot.drawn.finish_reason) return;
  slot.gone = true;
  done(Completion{request.prompt, request.sample, slot.row.new_ids, slot.text.text(), *slot.drawn.finish_reason,
                  slot.error.value_or(""), slot.row.id});
}

}  // namespace limpid
