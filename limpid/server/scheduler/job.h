#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "limpid/server/http/exchange.h"
#include "limpid/server/requests/generation_request.h"
#include "limpid/server/scheduler/answer.h"
#include "limpid/server/scheduler/row_guard.h"
#include "limpid/server/scheduler/row_writer.h"

/// Requests as the scheduler holds them.
namespace limpid::server {

/// A request that was checked, with the ids of its prompts.
struct Submission {
  std::shared_ptr<Exchange> exchange;
  GenerationRequest request;
  std::vector<TokenIds> prompts;
};

struct Job;

/// One text that is being written for a request, or, of an echoed prompt, read.
struct JobRow {
  Job* job;
  size_t prompt, choice;
  bool is_echo;
  RequestId id = 0;
  RowWriter writer;
  std::optional<RowGuard> guard;
  std::optional<RowWriter> released;  // the writer at the last release of the guard
  std::chrono::steady_clock::time_point last_token = {};
};

struct Job {
  using Time = std::chrono::steady_clock::time_point;

  Job(Submission given, const ServerFacts& facts)
      : submission(std::move(given)),
        answer(submission.exchange, submission.request, facts),
        client(submission.exchange->request().client) {}

  const GenerationRequest& request() const { return submission.request; }
  size_t choices() const { return submission.prompts.size() * size_t(submission.request.n); }
  bool reads_prompts() const { return request().echo && request().log_probs; }  ///< a row for each, before its choices
  bool writes() const { return !request().max_tokens || *request().max_tokens > 0; }
  size_t rows_of_prompt() const { return (reads_prompts() ? 1 : 0) + (writes() ? size_t(request().n) : 0); }
  size_t rows() const { return submission.prompts.size() * rows_of_prompt(); }

  uint64_t number = 0;
  Submission submission;
  Answer answer;
  std::string client;
  Time came = {}, begun = {};
  bool has_text = false;  ///< a first token was drawn
  size_t rows_begun = 0;
  std::vector<std::unique_ptr<JobRow>> live;
  size_t choices_ended = 0;
  Usage usage;
  bool paused = false, ended = false;

  /// What was written of a prompt's choices while the prompt itself was being read for its log-probabilities.
  struct Held {
    bool waits = false;
    std::vector<Piece> pieces;
    std::vector<Ending> endings;
  };
  std::vector<Held> held;  ///< of each prompt
};

}  // namespace limpid::server
