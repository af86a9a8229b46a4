#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "limpid/decoding/doors.h"
#include "limpid/decoding/kept_prefixes.h"

/// Batched decoding: many rows at once, each with its own sampling, random stream, stop rules and strengths.
namespace limpid {

struct GeneratorOptions {
  size_t max_rows = 25;  ///< decoded together; finished rows are refilled from the queue
  /// Called with the logits of each row right before it is sampled (after all sessions): traces and tests.
  std::function<void(const Row&, std::span<const float>)> on_logits = {};
  /// Replaces the counter-based uniform, for tests with given numbers.
  std::function<float(const Row&)> uniform = {};
  Watch& watch = unwatched();  ///< hears warnings as long as the generator lives
  size_t prompt_tokens = 0;    ///< of prompts, read in one step at most; 0: prompts are read at once
  /// All caches together, those of helpers and kept prompts included. When they would grow beyond it, kept prompts go,
  /// and then the pages of the row that came last: it waits and is read again, with the same bits. A row that is alone
  /// gets what it needs. 0: unbounded, and no prompts are kept.
  size_t cache_bytes = 0;
  bool explains = false;  ///< requests may ask what the plain model made of each step
};

/// Tokens that were read or drawn, and the seconds that it took, sessions included.
struct Pace {
  uint64_t tokens = 0;
  double seconds = 0;
};

/// Decodes requests, many at once. The same request gives the same tokens, whatever else is in the batch and however
/// many threads run. A row that goes wrong (its logits are no numbers, a session fails it) ends with
/// FinishReason::Error and a message, and the others go on, bit for bit; an exception of the model or of a session ends
/// all rows of its step so, and those waiting go on. What callbacks throw, and memory that could not be had, reaches
/// the caller. Callbacks may call every member but step and run.
class Generator {
 public:
  using OnDone = std::function<void(Completion)>;

  Generator(std::shared_ptr<const Model> model, std::vector<std::unique_ptr<Session>> sessions,
            GeneratorOptions options = {});
  ~Generator();

  /// Queues a request. Requests of one prompt that follow one another share its prefill. @throws ConfigError for
  /// settings that make no sense and strengths beyond a session's limits.
  RequestId submit(Request request);
  /// Takes requests from `source` as rows become free for them, behind those that were submitted, until it returns
  /// nothing: however many there are, few are held. What submit() refuses is thrown by step().
  void submit_from(std::function<std::optional<Request>()> source) { source_ = std::move(source); }
  /// Drops a request, waiting or being written: nothing is called for it any more. Returns false when it has finished.
  bool cancel(RequestId request);
  /// Drops the last tokens of a request, the one that was drawn last included; from the event of its last token also
  /// the end, with no tokens that alone. It goes on as if they had never been drawn, with the random numbers that
  /// belong to their places. @throws ConfigError when it has finished, or has fewer, and for more than some tens where
  /// the text is longer than the model's window, whose keys are given back.
  void rewind(RequestId request, size_t tokens);
  /// Lets a request go on at other strengths, and with the random numbers of another attempt: the
  /// token that was drawn last is read at the new ones. @throws ConfigError when it has finished, and as submit.
  void steer(RequestId request, std::vector<float> strengths, uint32_t attempt);
  /// Leaves a request that is being written where it is, until it goes on.
  void pause(RequestId request, bool paused);
  /// Copies a request as it is, to go on as another sample, at once even where max_rows are being decoded.
  /// @throws ConfigError when it has finished.
  RequestId fork(RequestId request, uint64_t sample);

  /// Runs one step of every active row; `done` receives finished samples. @return false when nothing is left to do
  bool step(const OnDone& done);
  void run(const OnDone& done) {
    while (step(done)) {
    }
  }

  uint64_t tokens_generated() const { return tokens_generated_; }
  uint64_t tokens_prefilled() const { return prefill_.tokens; }
  const Pace& prefill() const { return prefill_; }  ///< of prompts; in its time the first token of samples is drawn
  const Pace& decode() const { return decode_; }    ///< of the tokens behind the first ones
  uint64_t tokens_read_along() const { return doors_.readings().tokens_read(); }
  uint64_t preemptions() const { return preemptions_; }  ///< of rows whose pages were needed
  size_t cache_bytes() const { return doors_.cache_bytes(); }
  size_t kept_bytes() const { return kept_.bytes(); }  ///< of prompts that are kept for others
  /// Returns how many tokens one row can have within cache_bytes.
  size_t tokens_within_cache() const { return options_.cache_bytes / doors_.bytes_per_token(); }

 private:
  /// Strengths and random numbers of a row from the step on that follows so many drawn tokens.
  struct Course {
    size_t from;
    std::vector<float> strengths;
    uint32_t attempt;
  };
  struct Waiting {
    RequestId id;
    Request request;
    TokenIds drawn = {};               // before it gave its pages back, to be drawn again
    std::vector<Course> courses = {};  // of those tokens; the first is the request's own
  };
  struct Prompt;  // a prompt that is being read, which its samples start from
  struct Slot;    // an active sample

  std::vector<float> complete(std::vector<float> strengths, bool explain) const;
  size_t rows_in_use() const;

  void refill_waiting();
  void admit_waiting();
  bool make_room_for(const Waiting& next, size_t& promised);
  void read_prompts(const OnDone& done);
  void start_samples(Prompt& prompt, std::vector<Slot*>& fresh);
  Tensor read(std::span<ActiveRow* const> rows);
  void read_part(std::span<ActiveRow* const> rows, std::span<const size_t> tokens);
  void decode_step(const OnDone& done);
  void sample_slots(std::span<Slot* const> slots, const OnDone& done);
  void draw(Slot& slot) const;
  void accept(Slot& slot);
  void deliver(Slot& slot, const OnDone& done);

  size_t free_bytes() const;
  bool drop_kept();
  void make_room(const std::function<size_t()>& needed);
  bool preempt_last();
  void wait_again(Waiting waiting);

  Slot* find_active(RequestId request, bool finishing = false);
  Waiting* find_waiting(RequestId request);

  bool explains_;
  Doors doors_;
  GeneratorOptions options_;
  std::deque<Waiting> waiting_;
  std::function<std::optional<Request>()> source_;  // of further requests; empty: there are none
  std::vector<std::unique_ptr<Prompt>> prompts_;    // being read, in the order they came
  std::unique_ptr<Prompt> kept_prompt_;             // the next request in line starts from it
  KeptPrefixes kept_;
  std::vector<std::unique_ptr<Slot>> slots_;
  RequestId next_id_ = 1;
  uint64_t tokens_generated_ = 0, preemptions_ = 0;
  Pace prefill_, decode_;
};

}  // namespace limpid
