#include "limpid/server/scheduler/scheduler.h"

#include <algorithm>
#include <cmath>

namespace limpid::server {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

ApiError shutting_down() { return {503, "shutting_down", "the server is shutting down"}; }

}  // namespace

Scheduler::Scheduler(Engine& engine, std::shared_ptr<const Tokenizer> tokenizer, const ServerFacts& facts,
                     SchedulerOptions options, SchedulerObserver& observer)
    : engine_(engine),
      tokenizer_(std::move(tokenizer)),
      facts_(facts),
      options_(std::move(options)),
      observer_(observer),
      state_(engine.state()),
      thread_([this] { run(); }) {}

Scheduler::~Scheduler() { stop(0); }

bool Scheduler::is_full_now(size_t waiting) const {
  const size_t rows = rows_in_use_;
  return waiting >= options_.queue + (options_.rows - std::min(options_.rows, rows));
}

void Scheduler::check_room() const {
  if (stopping_) throw shutting_down();
  if (!is_full()) return;
  ApiError full(429, "queue_full", concat(waiting_, " requests are waiting; try again later"));
  const double turns = double(waiting_ + 1) / double(std::max<size_t>(1, running_));
  full.retry_after = int(std::clamp(std::ceil(turns * mean_seconds_), 1.0, 60.0));
  throw full;
}

void Scheduler::submit(Submission submission) {
  const std::shared_ptr<Exchange> exchange = submission.exchange;
  auto job = std::make_unique<Job>(std::move(submission), facts_);
  uint64_t number;
  {
    const std::lock_guard lock(mutex_);
    check_room();
    number = job->number = next_job_++;
    job->came = Clock::now();
    job->answer.begin();
    ++waiting_;
    incoming_.push_back(std::move(job));
  }
  said_.notify_one();
  exchange->on_gone([this, number](Gone reason) {
    {
      const std::lock_guard lock(mutex_);
      gone_.emplace_back(number, reason);
    }
    said_.notify_one();
  });
}

void Scheduler::call_between_steps(std::function<bool()> work) {
  {
    const std::lock_guard lock(mutex_);
    works_.push_back(std::move(work));
  }
  said_.notify_one();
}

void Scheduler::stop(double seconds) {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    deadline_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }
  said_.notify_one();
  if (thread_.joinable()) thread_.join();
}

EngineState Scheduler::engine_state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Scheduler::run() {
  while (take_commands()) {
    begin_rows();
    if (moving_rows() > 0) step();
    work_between_steps();
    for (uint64_t number : ended_)
      if (const auto job = jobs_.find(number); job != jobs_.end()) forget(*job->second);
    ended_.clear();
    mind_slow_readers();
    publish();
  }
}

bool Scheduler::is_idle() const {
  return jobs_.empty() || std::ranges::all_of(jobs_, [](const auto& entry) { return entry.second->paused; });
}

/// Takes in what other threads said, and waits for it when there is nothing to do. Returns false when all is over.
bool Scheduler::take_commands() {
  std::vector<std::unique_ptr<Job>> incoming;
  std::vector<std::pair<uint64_t, Gone>> gone;
  bool over = false;
  {
    std::unique_lock lock(mutex_);
    const auto is_said = [&] { return !incoming_.empty() || !gone_.empty() || !works_.empty() || stopping_; };
    if (jobs_.empty())
      said_.wait(lock, is_said);
    else if (is_idle())  // all wait for clients that do not read
      said_.wait_for(lock, std::chrono::milliseconds(5));
    incoming.swap(incoming_);
    gone.swap(gone_);
    over = stopping_ && ((jobs_.empty() && incoming.empty() && works_.empty()) || Clock::now() >= *deadline_);
  }
  for (auto& job : incoming) {
    shares_.add(job->client, job->number);
    job->held.resize(job->submission.prompts.size());
    for (Job::Held& held : job->held) held.waits = job->reads_prompts();
    jobs_.emplace(job->number, std::move(job));
  }
  for (const auto& [number, reason] : gone) drop(number, reason);
  if (!over) return true;
  while (!jobs_.empty()) {
    Job& job = *jobs_.begin()->second;
    observer_.cancelled(Gone::Shutdown);
    fail(job, shutting_down());
    forget(job);
  }
  const std::lock_guard lock(mutex_);
  works_.clear();
  return false;
}

void Scheduler::begin_rows() {
  const auto now = Clock::now();
  while (moving_rows() < options_.rows) {
    const auto number = shares_.next(now);
    if (!number) break;
    Job& job = *jobs_.at(*number);
    try {
      begin_row(job);
    } catch (const ApiError& error) {
      fail(job, error);
    } catch (const std::exception& error) {
      fail(job, {500, "internal_error", reason_of(error)});
    }
    if (job.ended || job.rows_begun == job.rows()) shares_.remove(job.client, job.number);
  }
  shares_.forget_idle(now);
  rows_in_use_ = moving_rows();
}

/// Returns how many rows are decoded: those of clients that do not read take nobody's place.
size_t Scheduler::moving_rows() const {
  return size_t(std::ranges::count_if(rows_, [](const auto& entry) { return !entry.second->job->paused; }));
}

namespace {

/// Returns what the engine is asked for one text of a job.
Request engine_request(const Job& job, const JobRow& row, const ServerFacts& facts) {
  const GenerationRequest& asked = job.request();
  const TokenIds& ids = job.submission.prompts[row.prompt];
  Request request;
  request.prompt = row.prompt;
  request.sample = row.choice % size_t(asked.n);
  request.sampling = asked.sampling;
  request.strengths = asked.strengths;
  request.log_probs = asked.log_probs;
  if (asked.cache_prompt) request.prefix_owner = job.client;
  if (row.is_echo) {  // reading is writing what is given: its tokens get the log-probabilities that writing gives them
    request.prompt_ids = {ids.front()};
    request.given.assign(ids.begin() + 1, ids.end());
    request.stop.max_new_tokens = int64_t(request.given.size());
    request.prefix_owner.clear();
    return request;
  }
  request.prompt_ids = ids;
  request.explain = asked.explain;
  const int64_t room = facts.context - int64_t(ids.size());
  request.stop.max_new_tokens = std::min(asked.max_tokens.value_or(room), room);
  if (!asked.ignore_eos) request.stop.stop_tokens = facts.end_tokens;
  request.stop.stop_strings = asked.stop;
  return request;
}

std::string prompt_text(const Job& job, size_t prompt, const Tokenizer& tokenizer) {
  if (const auto* text = std::get_if<std::string>(&job.request().prompts[prompt])) return *text;
  return tokenizer.decode(job.submission.prompts[prompt], /*skip_special=*/true);
}

}  // namespace

void Scheduler::begin_row(Job& job) {
  const GenerationRequest& asked = job.request();
  if (job.rows_begun == 0) {
    --waiting_;
    ++running_;
    job.begun = Clock::now();
    observer_.queued(std::chrono::duration<double>(job.begun - job.came).count());
    for (const TokenIds& ids : job.submission.prompts) job.usage.prompt_tokens += int64_t(ids.size());
    for (size_t i = 0; i < asked.strengths.size(); ++i)
      if (asked.strengths[i] != 0.0f) observer_.detoxified(facts_.detoxifiers[i].name, asked.strengths[i]);
    if (asked.echo && !asked.log_probs)
      for (size_t choice = 0; choice < job.choices(); ++choice)
        job.answer.add(Piece{choice, prompt_text(job, choice / size_t(asked.n), *tokenizer_), {}});
    if (job.rows() == 0) {
      for (size_t choice = 0; choice < job.choices(); ++choice) job.answer.add(Ending{choice, "length", {}});
      job.choices_ended = job.choices();
      return finish_if_done(job);
    }
  }
  const size_t prompt = job.rows_begun / job.rows_of_prompt(), place = job.rows_begun % job.rows_of_prompt();
  const bool is_echo = job.reads_prompts() && place == 0;
  const size_t choice = prompt * size_t(asked.n) + (place - (job.reads_prompts() && !is_echo ? 1 : 0));
  ++job.rows_begun;
  job.live.push_back(std::make_unique<JobRow>(
      JobRow{&job,
             prompt,
             choice,
             is_echo,
             0,
             RowWriter(choice, tokenizer_, is_echo || asked.log_probs.has_value() || asked.explain),
             {},
             {},
             {}}));
  JobRow& row = *job.live.back();
  if (asked.guard.on && !is_echo) {
    row.guard.emplace(asked.guard, facts_, asked.strengths);
    row.released = row.writer;
  }
  if (is_echo) {
    TokenEvent first;
    first.id = job.submission.prompts[prompt].front();
    first.text = bytes_of(*tokenizer_, first.id).bytes;
    row.writer.take(first, /*is_end=*/false);
    if (job.submission.prompts[prompt].size() == 1) return end_row(row, "length");
  }
  Request request = engine_request(job, row, facts_);
  shares_.serve(job.client, double(request.prompt_ids.size()), job.begun);
  request.on_token = [this, &row](const TokenEvent& event) { on_token(row, event); };
  row.id = engine_.begin(std::move(request));
  rows_.emplace(row.id, &row);
}

void Scheduler::step() {
  try {
    engine_.step([this](const Completion& completion) { on_done(completion); });
  } catch (const std::exception& error) {  // no row's fault, such as memory that could not be had: all that ran ends
    for (const auto& [number, job] : jobs_)
      if (!job->live.empty()) fail(*job, {500, "internal_error", reason_of(error)});
  }
}

void Scheduler::on_token(JobRow& row, const TokenEvent& event) {
  Job& job = *row.job;
  if (job.ended) return;
  const auto now = Clock::now();
  if (!row.is_echo) {
    observer_.generated(1);
    shares_.serve(job.client, 1, now);
    if (!std::exchange(job.has_text, true))
      observer_.first_token(std::chrono::duration<double>(now - job.came).count());
    if (row.last_token != Clock::time_point{})
      observer_.next_token(std::chrono::duration<double>(now - row.last_token).count());
    row.last_token = now;
  }
  const bool is_end = event.finish_reason == FinishReason::Stop && !job.request().ignore_eos &&
                      std::ranges::find(facts_.end_tokens, event.id) != facts_.end_tokens.end();
  row.writer.take(event, is_end);
  if (row.guard)
    look(row, event);
  else if (!row.is_echo)
    send(row);
}

/// Lets the guard look at what a row has, and does what it says.
void Scheduler::look(JobRow& row, const TokenEvent& event) {
  const auto score = [this](const std::string& text) { return engine_.score(std::span(&text, 1)).at(0); };
  RowGuard& guard = *row.guard;
  const auto drawn = size_t(row.writer.tokens());
  const bool was_raised = guard.is_raised();
  switch (guard.look(row.writer.text(), drawn, event.finish_reason.has_value(), score)) {
    case Verdict::Wait: break;
    case Verdict::Release:
      send(row);
      row.released = row.writer;
      if (was_raised && !event.finish_reason) engine_.steer(row.id, guard.strengths(), guard.attempt());
      break;
    case Verdict::Rewind:
      engine_.rewind(row.id, drawn - guard.released_tokens());
      engine_.steer(row.id, guard.strengths(), guard.attempt());
      row.writer = *row.released;
      break;
    case Verdict::Refuse:
      engine_.cancel(row.id);
      row.writer = *row.released;
      end_row(row, "content_filter");
      break;
  }
}

/// Sends what there is to be sent of a row's text.
void Scheduler::send(JobRow& row) {
  auto piece = row.writer.next_piece();
  if (!piece) return;
  Job& job = *row.job;
  if (job.held[row.prompt].waits)
    job.held[row.prompt].pieces.push_back(*std::move(piece));
  else
    job.answer.add(*piece);
}

void Scheduler::on_done(const Completion& completion) {
  const auto found = rows_.find(completion.request);
  if (found == rows_.end()) return;
  JobRow& row = *found->second;
  Job& job = *row.job;
  if (completion.finish_reason == FinishReason::Error) {
    observer_.row_failed(completion.not_finite);
    ApiError error(500, completion.not_finite ? "numeric_failure" : "internal_error", completion.error);
    error.should_retry = false;
    return fail(job, error);
  }
  if (!row.is_echo && row.choice % size_t(job.request().n) == 0) {
    job.usage.cached_tokens += int64_t(completion.kept_tokens);
    observer_.prompt_read(int64_t(job.submission.prompts[row.prompt].size()), int64_t(completion.kept_tokens));
  }
  end_row(row, kFinishReasons[size_t(completion.finish_reason)]);
}

void Scheduler::end_row(JobRow& row, const char* finish_reason) {
  Job& job = *row.job;
  rows_.erase(row.id);
  Job::Held& held = job.held[row.prompt];
  if (row.is_echo) {
    Piece echo = row.writer.next_piece().value_or(Piece{});
    echo.text = prompt_text(job, row.prompt, *tokenizer_);
    for (size_t sample = 0; sample < size_t(job.request().n); ++sample) {
      echo.choice = row.prompt * size_t(job.request().n) + sample;
      job.answer.add(echo);
      if (!job.writes()) job.answer.add(Ending{echo.choice, "length", {}});
    }
    if (!job.writes()) job.choices_ended += size_t(job.request().n);
    held.waits = false;
    for (const Piece& piece : held.pieces) job.answer.add(piece);
    for (const Ending& ending : held.endings) job.answer.add(ending);
    return finish_if_done(job);
  }
  Ending ending{row.choice, finish_reason, {}};
  if (row.guard) {
    ending.guard = row.guard->report();
    observer_.guarded(*ending.guard);
  }
  job.usage.completion_tokens += row.writer.tokens();
  if (options_.on_written)
    options_.on_written(job.submission.exchange->request().id,
                        tokenizer_->decode(job.submission.prompts[row.prompt], /*skip_special=*/false),
                        row.writer.text());
  ++job.choices_ended;
  if (held.waits)
    held.endings.push_back(ending);
  else
    job.answer.add(ending);
  finish_if_done(job);
}

void Scheduler::finish_if_done(Job& job) {
  const bool held = std::ranges::any_of(job.held, [](const Job::Held& of_prompt) { return of_prompt.waits; });
  if (job.ended || held || job.choices_ended < job.choices()) return;
  job.ended = true;
  ended_.push_back(job.number);
  job.submission.exchange->count_tokens(job.usage.prompt_tokens, job.usage.completion_tokens);
  mean_seconds_ = 0.9 * mean_seconds_ + 0.1 * seconds_since(job.begun);
  job.answer.finish(job.usage);
}

void Scheduler::fail(Job& job, const ApiError& error) {
  if (std::exchange(job.ended, true)) return;
  ended_.push_back(job.number);
  job.submission.exchange->count_tokens(job.usage.prompt_tokens, job.usage.completion_tokens);
  job.answer.fail(error);
  for (const auto& row : job.live) engine_.cancel(row->id);
}

/// Takes a job out of everything, its rows out of the engine.
void Scheduler::forget(Job& job) {
  for (const auto& row : job.live)
    if (rows_.erase(row->id) > 0) engine_.cancel(row->id);
  shares_.remove(job.client, job.number);
  --(job.begun == Job::Time{} ? waiting_ : running_);
  jobs_.erase(job.number);
  rows_in_use_ = moving_rows();
}

void Scheduler::drop(uint64_t number, Gone reason) {
  const auto job = jobs_.find(number);
  if (job == jobs_.end()) return;
  observer_.cancelled(reason);
  forget(*job->second);
}

/// Stops the rows of clients that do not read, and lets them go on when they do.
void Scheduler::mind_slow_readers() {
  for (const auto& [number, job] : jobs_) {
    const size_t buffered = job->submission.exchange->buffered();
    const bool pauses = buffered > (job->paused ? options_.most_buffered / 2 : options_.most_buffered);
    const bool turns = pauses != std::exchange(job->paused, pauses);
    if (turns && !job->ended && job->rows_begun < job->rows()) {  // its other rows are in nobody's way either
      if (pauses)
        shares_.remove(job->client, number);
      else
        shares_.add_first(job->client, number);
    }
    if (!turns && !pauses) continue;
    for (const auto& row : job->live)  // each time: a row whose prompt was being read has begun meanwhile
      if (rows_.contains(row->id)) engine_.pause(row->id, pauses);
  }
}

/// Does a bit of the other work that the engine's thread is asked for, each in its turn.
void Scheduler::work_between_steps() {
  std::function<bool()> work;
  {
    const std::lock_guard lock(mutex_);
    if (works_.empty()) return;
    work = std::move(works_.front());
    works_.pop_front();
  }
  if (work()) return;
  const std::lock_guard lock(mutex_);
  works_.push_back(std::move(work));
}

/// Shows others what the engine holds, now and then: adding it up takes time.
void Scheduler::publish() {
  const auto now = Clock::now();
  if (!rows_.empty() && now - published_ < std::chrono::milliseconds(100)) return;
  published_ = now;
  const EngineState state = engine_.state();
  const std::lock_guard lock(mutex_);
  state_ = state;
}

}  // namespace limpid::server
