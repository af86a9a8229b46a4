#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <stop_token>

#include "limpid/server/scoring.h"

/// Work that a server's engine does in parts, between the steps of its generator.
namespace limpid::serving {

/// Has work called between steps until it returns true: Scheduler::call_between_steps.
using BetweenSteps = std::function<void(std::function<bool()> work)>;

/// Counts what waits to be worked on, so that a crowd of requests finds an end and not all the memory.
class Backlog {
 public:
  explicit Backlog(size_t most_bytes) : most_(most_bytes) {}

  /// A place in the backlog, given back with it.
  using Place = std::shared_ptr<void>;
  /// Returns a place for so many bytes; one request always has a place. @throws ApiError 429 `queue_full`
  static Place take(const std::shared_ptr<Backlog>& backlog, size_t bytes);

 private:
  size_t most_;
  std::atomic<size_t> bytes_ = 0;
};

/// A request's work. Called, it does a part of it and returns whether that was the last; then it tells what came of it.
/// Work that is dropped before tells that the server is shutting down.
template <class Result>
class StepwiseWork {
 public:
  using Done = std::function<void(server::Outcome<Result>)>;

  /// @param step  does a part and returns whether it was the last    @param result  what came of all parts
  StepwiseWork(Backlog::Place place, std::stop_token stop, Done done, std::function<bool()> step,
               std::function<Result()> result)
      : place_(std::move(place)),
        stop_(std::move(stop)),
        done_(std::move(done)),
        step_(std::move(step)),
        result_(std::move(result)) {}
  StepwiseWork(const StepwiseWork&) = delete;
  StepwiseWork& operator=(const StepwiseWork&) = delete;
  ~StepwiseWork() {
    if (done_) done_(server::ApiError(503, "shutting_down", "the server is shutting down"));
  }

  bool operator()() {
    if (stop_.stop_requested()) return done_ = nullptr, true;
    try {
      if (!step_()) return false;
      tell(result_());
    } catch (const std::exception& error) {
      tell(server::ApiError(500, "internal_error", reason_of(error)));
    }
    return true;
  }

 private:
  void tell(server::Outcome<Result> outcome) { std::exchange(done_, nullptr)(std::move(outcome)); }

  Backlog::Place place_;
  std::stop_token stop_;
  Done done_;
  std::function<bool()> step_;
  std::function<Result()> result_;
};

}  // namespace limpid::serving
