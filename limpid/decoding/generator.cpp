#include "limpid/decoding/generator.h"

#include <algorithm>
#include <chrono>

#include "limpid/decoding/generator_rows.h"
#include "limpid/decoding/plain_reader.h"
#include "limpid/decoding/writing.h"

namespace limpid {
namespace {

std::vector<std::unique_ptr<Session>> with_plain_reader(const Model& model,
                                                        std::vector<std::unique_ptr<Session>> sessions, bool wanted) {
  if (wanted) sessions.push_back(make_plain_reader(model));
  return sessions;
}

}  // namespace

Generator::Generator(std::shared_ptr<const Model> model, std::vector<std::unique_ptr<Session>> sessions,
                     GeneratorOptions options)
    : explains_(options.explains),
      doors_(model, with_plain_reader(*model, std::move(sessions), explains_), options.watch),
      options_(std::move(options)) {
  LIMPID_CHECK(options_.max_rows > 0, ConfigError, "the generator needs at least one row");
}

Generator::~Generator() = default;

/// Returns a strength for each session, the plain reader's too: where nothing acts, the row itself is plain.
std::vector<float> Generator::complete(std::vector<float> strengths, bool explain) const {
  strengths.resize(doors_.sessions() - explains_, 0.0f);
  const bool acts = std::ranges::any_of(strengths, [](float strength) { return strength != 0.0f; });
  if (explains_) strengths.push_back(explain && acts ? 1.0f : 0.0f);
  doors_.check_strengths(strengths);
  return strengths;
}

RequestId Generator::submit(Request request) {
  request.sampling.check();
  LIMPID_CHECK(!request.prompt_ids.empty(), ConfigError,
               "the prompt has no tokens; give a text, or a token that begins one");
  LIMPID_CHECK(request.stop.max_new_tokens > 0, ConfigError, "the number of new tokens is ",
               request.stop.max_new_tokens, ", expected at least 1");
  request.strengths = complete(std::move(request.strengths), request.explain);
  check_fits(doors_.model(), request);
  waiting_.push_back({next_id_, std::move(request)});
  return next_id_++;
}

/// @param finishing  whether one is meant too that is telling its last token
Generator::Slot* Generator::find_active(RequestId request, bool finishing) {
  const auto active = std::find_if(slots_.begin(), slots_.end(), [&](const std::unique_ptr<Slot>& slot) {
    return slot->row.id == request && !slot->gone && (finishing || !slot->drawn.finish_reason);
  });
  return active == slots_.end() ? nullptr : active->get();
}

/// Returns a request that waits, or whose prompt is being read.
Generator::Waiting* Generator::find_waiting(RequestId request) {
  const auto is_it = [&](const Waiting& waiting) { return waiting.id == request; };
  if (const auto found = std::ranges::find_if(waiting_, is_it); found != waiting_.end()) return &*found;
  for (const auto& prompt : prompts_)
    if (const auto found = std::ranges::find_if(prompt->samples, is_it); found != prompt->samples.end()) return &*found;
  return nullptr;
}

bool Generator::cancel(RequestId request) {
  const auto is_it = [&](const Waiting& waiting) { return waiting.id == request; };
  if (std::erase_if(waiting_, is_it) > 0) return true;
  for (const auto& prompt : prompts_)
    if (std::erase_if(prompt->samples, is_it) > 0) return true;
  Slot* slot = find_active(request, /*finishing=*/true);
  if (slot) slot->gone = true;
  return slot != nullptr;
}

void Generator::rewind(RequestId request, size_t tokens) {
  Slot* slot = find_active(request, /*finishing=*/true);
  Waiting* waiting = slot ? nullptr : find_waiting(request);
  LIMPID_CHECK(slot || waiting, ConfigError, "[generator] request ", request,
               " has finished; nothing can be taken back");
  const size_t drawn = slot ? slot->row.new_ids.size() : waiting->drawn.size();
  LIMPID_CHECK(tokens <= drawn, ConfigError, "[generator] cannot take back ", tokens, " tokens of request ", request,
               ", it has ", drawn);
  const bool finishing = slot && slot->drawn.finish_reason;
  if (tokens == 0 && !finishing) return;
  const auto forget_courses = [&](std::vector<Course>& courses) {
    std::erase_if(courses, [&](const Course& course) { return course.from > drawn - tokens; });
  };
  if (waiting) {
    forget_courses(waiting->courses);
    waiting->drawn.resize(drawn - tokens);
    return;
  }
  Row& row = slot->row;
  const size_t length = row.request.prompt_ids.size() + drawn - tokens - 1;  // the last token is read again
  LIMPID_CHECK(length >= slot->cache.least_length(), ConfigError, "[generator] cannot take back ", tokens,
               " tokens of request ", request, ", whose text is longer than the model's window; at most ",
               slot->cache.length() - slot->cache.least_length(), " can be");
  forget_courses(slot->courses);
  slot->set_course(slot->courses.back());
  row.new_ids.resize(drawn - tokens);
  slot->drawn.finish_reason.reset();
  slot->cache.truncate(length);
  slot->text = {doors_.model().tokenizer(), row.request.stop.stop_strings};
  for (TokenId id : row.new_ids) slot->text.push(id);
}

void Generator::steer(RequestId request, std::vector<float> strengths, uint32_t attempt) {
  Slot* slot = find_active(request);
  Waiting* waiting = slot ? nullptr : find_waiting(request);
  LIMPID_CHECK(slot || waiting, ConfigError, "[generator] request ", request, " has finished and cannot be steered");
  const bool explain = (slot ? slot->row.request : waiting->request).explain;
  Course course{slot ? slot->row.new_ids.size() : waiting->drawn.size(), complete(std::move(strengths), explain),
                attempt};
  if (waiting && waiting->courses.empty()) {  // it has not begun: this is how it does
    waiting->request.strengths = std::move(course.strengths);
    waiting->request.attempt = attempt;
    return;
  }
  if (slot) slot->set_course(course);
  (slot ? slot->courses : waiting->courses).push_back(std::move(course));
}

void Generator::pause(RequestId request, bool paused) {
  if (Slot* slot = find_active(request)) slot->paused = paused;
}

RequestId Generator::fork(RequestId request, uint64_t sample) {
  const RequestId id = next_id_++;
  if (const Waiting* waiting = find_waiting(request)) {
    Waiting copy = *waiting;
    copy.id = id;
    copy.request.sample = sample;
    const auto place = std::ranges::find(waiting_, request, &Waiting::id);
    waiting_.insert(place == waiting_.end() ? waiting_.begin() : std::next(place), std::move(copy));
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
  const auto sweep = [&] {
    std::erase_if(slots_, [](const auto& slot) { return slot->gone; });
    std::erase_if(prompts_, [](const auto& prompt) { return prompt->samples.empty(); });
  };
  const auto timed = [](Pace& pace, auto&& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    pace.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  sweep();
  timed(prefill_, [&] {
    refill_waiting();
    admit_waiting();
    read_prompts(done);
  });
  sweep();
  const uint64_t before = tokens_generated_;
  if (!slots_.empty()) timed(decode_, [&] { decode_step(done); });
  decode_.tokens += tokens_generated_ - before;
  sweep();
  return !slots_.empty() || !prompts_.empty() || !waiting_.empty();
}

}  // namespace limpid
