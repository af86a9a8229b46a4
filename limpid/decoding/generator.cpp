#include "limpid/decoding/generator.h"

#include <algorithm>

#include "limpid/core/random.h"
#include "limpid/decoding/doors.h"
#include "limpid/decoding/prompts.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid {

struct Generator::Prompt {
  Row row;
  nn::KvCache cache;
  Tensor logits;  // [V], after all sessions; its samples draw their first token from a copy
};

struct Generator::Slot {
  Row row;
  nn::KvCache cache;
  Tensor logits;     // [V], edited in place by the sampler
  TokenId next = 0;  // drawn, not yet read by the model
};

Generator::Generator(std::shared_ptr<const Model> model, std::vector<std::unique_ptr<Session>> sessions,
                     GeneratorOptions options)
    : model_(std::move(model)),
      sessions_(std::move(sessions)),
      options_(std::move(options)) {
  LIMPID_CHECK(options_.max_rows > 0, ConfigError, "the generator needs at least one row");
}

Generator::~Generator() = default;

void Generator::submit(Request request) {
  request.sampling.check();
  LIMPID_CHECK(!request.prompt_ids.empty(), ConfigError,
               "the prompt has no tokens; give a text, or a token that begins one");
  LIMPID_CHECK(request.stop.max_new_tokens > 0, ConfigError, "the number of new tokens is ",
               request.stop.max_new_tokens, ", expected at least 1");
  request.strengths.resize(sessions_.size(), 0.0f);
  for (size_t s = 0; s < sessions_.size(); ++s) sessions_[s]->limits.check(request.strengths[s], "[request] ");
  const int64_t limit = model_->config().max_positions,
                asked = int64_t(request.prompt_ids.size()) + request.stop.max_new_tokens;
  LIMPID_CHECK(limit == 0 || asked <= limit, ConfigError, "prompt and new tokens need ", asked,
               " positions, the model's context has ", limit);
  waiting_.push_back(std::move(request));
}

bool Generator::step(const OnDone& done) {
  torch::NoGradGuard no_grad;
  admit_waiting(done);
  if (slots_.empty()) return !waiting_.empty();
  decode_step(done);
  return !slots_.empty() || !waiting_.empty();
}

namespace {

bool same_start(const Request& a, const Request& b) {
  return a.prompt == b.prompt && a.strengths == b.strengths && a.prompt_ids == b.prompt_ids;
}

}  // namespace

void Generator::admit_waiting(const OnDone& done) {
  std::vector<std::pair<std::unique_ptr<Slot>, std::shared_ptr<Prompt>>> admitted;
  std::vector<std::shared_ptr<Prompt>> unread;
  while (slots_.size() + admitted.size() < options_.max_rows && !waiting_.empty()) {
    Request request = std::move(waiting_.front());
    waiting_.pop_front();
    std::shared_ptr<Prompt> prompt;
    for (const auto& [id, known] : prompts_)
      if (same_start(known->row.request, request)) prompt = known;
    if (!prompt) {
      prompt = std::make_shared<Prompt>(Prompt{{next_row_++, request, {}}, model_->make_cache(), {}});
      prompts_[prompt->row.id] = prompt;
      unread.push_back(prompt);
    }
    admitted.emplace_back(new Slot{{next_row_++, std::move(request), {}}, model_->make_cache(), {}, 0}, prompt);
  }
  if (admitted.empty()) return;
  if (!unread.empty()) read_prompts(unread);

  std::vector<Slot*> fresh;
  for (auto& [slot, prompt] : admitted) {
    slot->cache = prompt->cache;
    slot->logits = prompt->logits.clone();
    for (size_t s = 0; s < sessions_.size(); ++s)
      if (slot->row.request.strengths[s] != 0.0f) sessions_[s]->fork(prompt->row, slot->row);
    fresh.push_back(slot.get());
    slots_.push_back(std::move(slot));
  }
  // A prompt stays only while the next request in line starts from it.
  std::erase_if(prompts_, [&](const auto& entry) {
    if (!waiting_.empty() && same_start(entry.second->row.request, waiting_.front())) return false;
    release(entry.second->row);
    return true;
  });
  sample_slots(fresh, done);
}

void Generator::read_prompts(std::span<const std::shared_ptr<Prompt>> prompts) {
  std::vector<const Row*> rows;
  std::vector<nn::Sequence> sequences;
  for (const auto& prompt : prompts) {
    for (size_t s = 0; s < sessions_.size(); ++s)
      if (prompt->row.request.strengths[s] != 0.0f) sessions_[s]->admit(prompt->row);
    rows.push_back(&prompt->row);
    sequences.push_back({&prompt->cache, prompt->row.request.prompt_ids});
    tokens_prefilled_ += prompt->row.request.prompt_ids.size();
  }
  nn::Pass pass(sequences);
  const Tensor logits = logits_of(pass, rows);
  for (size_t r = 0; r < prompts.size(); ++r) prompts[r]->logits = logits[int64_t(r)];
}

void Generator::decode_step(const OnDone& done) {
  std::vector<const Row*> rows;
  std::vector<Slot*> active;
  std::vector<nn::Sequence> sequences;
  for (const auto& slot : slots_) {
    slot->row.new_ids.push_back(slot->next);
    rows.push_back(&slot->row);
    active.push_back(slot.get());
    sequences.push_back({&slot->cache, std::span(&slot->next, 1)});
  }
  nn::Pass pass(sequences);
  const Tensor logits = logits_of(pass, rows);
  for (size_t r = 0; r < active.size(); ++r) active[r]->logits = logits[int64_t(r)];
  sample_slots(active, done);
}

Tensor Generator::logits_of(nn::Pass& pass, std::span<const Row* const> rows) {
  return Doors(sessions_, rows).step(*model_, pass).logits;
}

void Generator::sample_slots(std::span<Slot* const> slots, const OnDone& done) {
  const auto row_logits = [](Slot& slot) {
    return std::span<float>(slot.logits.mutable_data_ptr<float>(), size_t(slot.logits.numel()));
  };
  if (options_.on_logits)
    for (Slot* slot : slots) options_.on_logits(slot->row, row_logits(*slot));
  kernels::parallel_for(slots.size(), [&](size_t i) {
    Slot& slot = *slots[i];
    const Request& request = slot.row.request;
    if (const size_t step = slot.row.new_ids.size(); step < request.given.size()) {
      slot.next = request.given[step];
      return;
    }
    const float number = options_.uniform
                             ? options_.uniform(slot.row)
                             : uniform(request.sampling.seed, request.prompt, request.sample, slot.row.new_ids.size());
    const TokenIds seen = request.sampling.repetition_penalty == 1.0f ? TokenIds{} : slot.row.history();
    slot.next = sample(row_logits(slot), request.sampling, seen, number);
  });
  std::vector<RowId> finished;
  for (Slot* slot : slots)
    if (!accept(*slot, slot->next, done)) finished.push_back(slot->row.id);
  std::erase_if(slots_, [&](const std::unique_ptr<Slot>& slot) {
    return std::find(finished.begin(), finished.end(), slot->row.id) != finished.end();
  });
}

bool Generator::accept(Slot& slot, TokenId token, const OnDone& done) {
  const StopRules& stop = slot.row.request.stop;
  TokenIds ids = slot.row.new_ids;
  std::optional<FinishReason> finish;
  ++tokens_generated_;
  if (std::find(stop.stop_tokens.begin(), stop.stop_tokens.end(), token) != stop.stop_tokens.end()) {
    finish = FinishReason::Stop;
  } else {
    ids.push_back(token);
    if (int64_t(ids.size()) >= stop.max_new_tokens) finish = FinishReason::Length;
  }
  std::string text;
  const Tokenizer* tokenizer = model_->tokenizer().get();
  if (tokenizer && (finish || !stop.stop_strings.empty())) {
    text = continuation_text(*tokenizer, ids);
    size_t cut = std::string::npos;
    for (const std::string& end : stop.stop_strings) cut = std::min(cut, text.find(end));
    if (cut != std::string::npos) {
      text.resize(cut);
      finish = FinishReason::Stop;
    }
  }
  if (!finish) return true;
  const Request& request = slot.row.request;
  done(Completion{request.prompt, request.sample, std::move(ids), std::move(text), *finish});
  release(slot.row);
  return false;
}

void Generator::release(const Row& row) {
  for (size_t s = 0; s < sessions_.size(); ++s)
    if (row.request.strengths[s] != 0.0f) sessions_[s]->release(row.id);
}

std::vector<Completion> generate(std::shared_ptr<const Model> model, const Request& request, int64_t samples,
                                 std::vector<std::unique_ptr<Session>> sessions) {
  Generator generator(std::move(model), std::move(sessions));
  for (int64_t sample = 0; sample < samples; ++sample) {
    Request one = request;
    one.sample = uint64_t(sample);
    generator.submit(std::move(one));
  }
  std::vector<Completion> completions(static_cast<size_t>(samples));
  generator.run([&](Completion completion) { completions[completion.sample] = std::move(completion); });
  return completions;
}

}  // namespace limpid
