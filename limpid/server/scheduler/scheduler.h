#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "limpid/server/scheduler/client_shares.h"
#include "limpid/server/scheduler/engine.h"
#include "limpid/server/scheduler/job.h"
#include "limpid/server/scheduler/observer.h"

namespace limpid::server {

struct SchedulerOptions {
  size_t rows = 32;    ///< decoded together
  size_t queue = 256;  ///< requests that wait
  /// Hears each choice when it has been written, for --log-prompts; empty: nobody does. @param prompt  as it was read
  std::function<void(const std::string& request_id, const std::string& prompt, const std::string& text)> on_written =
      {};
  size_t most_buffered = 256u << 10;  ///< bytes of an answer that its client has not read, beyond which its rows stop
};

/// Decodes the texts of many requests at once, on a thread of its own: continuous batching. Rows join and leave between
/// steps; the next free row goes to the client that was served least lately, whose requests come in their order.
class Scheduler {
 public:
  Scheduler(Engine& engine, std::shared_ptr<const Tokenizer> tokenizer, const ServerFacts& facts,
            SchedulerOptions options, SchedulerObserver& observer);
  ~Scheduler();  ///< as stop(0)

  /// Takes a request. Its exchange is answered, or fails, in time. Any thread.
  /// @throws ApiError 429 `queue_full`, 503 `shutting_down`
  void submit(Submission submission);
  /// Calls `work` on the thread of the engine between steps until it returns true. Any thread.
  void call_between_steps(std::function<bool()> work);
  /// Refuses new requests, lets those there are go on for so long, ends what is left with `shutting_down`, and returns
  /// when the thread has ended.
  void stop(double seconds);

  /// @throws ApiError as submit() does for one request more, where it would
  void check_room() const;
  bool is_full() const { return is_full_now(waiting_); }  ///< one more request would be refused
  bool is_stopping() const { return stopping_; }
  size_t requests_waiting() const { return waiting_; }
  size_t requests_running() const { return running_; }
  size_t rows_running() const { return rows_in_use_; }
  EngineState engine_state() const;  ///< after the last step

 private:
  bool is_full_now(size_t waiting) const;
  void run();
  bool take_commands();
  bool is_idle() const;
  void begin_rows();
  size_t moving_rows() const;
  void begin_row(Job& job);
  void step();
  void on_token(JobRow& row, const TokenEvent& event);
  void look(JobRow& row, const TokenEvent& event);
  void on_done(const Completion& completion);
  void send(JobRow& row);
  void end_row(JobRow& row, const char* finish_reason);
  void finish_if_done(Job& job);
  void fail(Job& job, const ApiError& error);
  void forget(Job& job);
  void drop(uint64_t job, Gone reason);
  void mind_slow_readers();
  void work_between_steps();
  void publish();

  Engine& engine_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  const ServerFacts& facts_;
  SchedulerOptions options_;
  SchedulerObserver& observer_;

  mutable std::mutex mutex_;  // of what other threads say
  std::condition_variable said_;
  std::vector<std::unique_ptr<Job>> incoming_;
  std::vector<std::pair<uint64_t, Gone>> gone_;
  std::deque<std::function<bool()>> works_;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  EngineState state_;
  uint64_t next_job_ = 1;

  std::atomic<bool> stopping_ = false;
  std::atomic<size_t> waiting_ = 0, running_ = 0, rows_in_use_ = 0;
  std::atomic<double> mean_seconds_ = 1.0;  // that a request takes

  // Of the thread alone.
  std::map<uint64_t, std::unique_ptr<Job>> jobs_;
  std::map<RequestId, JobRow*> rows_;
  std::vector<uint64_t> ended_;  // jobs to be forgotten behind the step
  ClientShares shares_;
  std::chrono::steady_clock::time_point published_ = {};
  std::thread thread_;
};

}  // namespace limpid::server
