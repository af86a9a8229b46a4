#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "limpid/decoding/session.h"

/// Batched decoding: many rows at once, each with its own sampling, random stream, stop rules and strengths.
namespace limpid {

struct GeneratorOptions {
  size_t max_rows = 25;  ///< decoded together; finished rows are refilled from the queue
  /// Called with the logits of each row right before it is sampled (after all sessions): traces and tests.
  std::function<void(const Row&, std::span<const float>)> on_logits;
  /// Replaces the counter-based uniform, for tests with given numbers.
  std::function<float(const Row&)> uniform;
};

/// The same request gives the same tokens, whatever else is in the batch and however many threads run.
class Generator {
 public:
  using OnDone = std::function<void(Completion)>;

  Generator(std::shared_ptr<const Model> model, std::vector<std::unique_ptr<Session>> sessions,
            GeneratorOptions options = {});
  ~Generator();

  /// Requests of one prompt that follow one another share its prefill. @throws ConfigError for settings that make no
  /// sense and strengths beyond a session's limits.
  void submit(Request request);
  /// One step of every active row. @return false when nothing is left to do. `done` receives finished samples.
  bool step(const OnDone& done);
  void run(const OnDone& done) {
    while (step(done)) {
    }
  }

  uint64_t tokens_generated() const { return tokens_generated_; }
  uint64_t tokens_prefilled() const { return tokens_prefilled_; }

 private:
  struct Prompt;  // a prompt that has been read: cache and logits that its samples start from
  struct Slot;    // an active sample

  void admit_waiting(const OnDone& done);
  void read_prompts(std::span<const std::shared_ptr<Prompt>> prompts);
  void decode_step(const OnDone& done);
  Tensor logits_of(nn::Pass& pass, std::span<const Row* const> rows);
  void sample_slots(std::span<Slot* const> slots, const OnDone& done);
  bool accept(Slot& slot, TokenId token, const OnDone& done);  ///< false when the row is finished
  void release(const Row& row);

  std::shared_ptr<const Model> model_;
  std::vector<std::unique_ptr<Session>> sessions_;
  GeneratorOptions options_;
  std::deque<Request> waiting_;
  std::map<RowId, std::shared_ptr<Prompt>> prompts_;
  std::vector<std::unique_ptr<Slot>> slots_;
  RowId next_row_ = 1;
  uint64_t tokens_generated_ = 0, tokens_prefilled_ = 0;
};

/// Convenience for one prompt: `samples` completions in sample order.
std::vector<Completion> generate(std::shared_ptr<const Model> model, const Request& request, int64_t samples,
                                 std::vector<std::unique_ptr<Session>> sessions = {});

}  // namespace limpid
