#pragma once

#include "limpid/decoding/doors.h"

namespace limpid::testing_support {

/// Keeps the states of what it has read, and changes nothing.
class ReadingSession final : public Session {
 public:
  struct Kept {
    Tensor states;          ///< [rows * P, D1]
    std::vector<bool> has;  ///< [rows]
  };
  explicit ReadingSession(std::vector<Reading> readings, std::vector<Kept>* kept = nullptr)
      : readings_(std::move(readings)),
        kept_(kept) {}
  std::vector<Reading> readings() const override { return readings_; }
  void logits(const Step& step, Tensor&) override {
    if (!kept_) return;
    kept_->clear();
    for (size_t i = 0; i < readings_.size(); ++i) {
      Kept& kept = kept_->emplace_back(step.read(i).states());
      for (size_t r = 0; r < step.rows.size(); ++r) kept.has.push_back(step.read(i).has(r));
    }
  }

 private:
  std::vector<Reading> readings_;
  std::vector<Kept>* kept_;
};

/// Doors with one session that reads, whose texts can be given as they are.
class ReadingBench {
 public:
  ReadingBench(std::shared_ptr<const Model> target, std::vector<Reading> readings)
      : doors_(std::move(target), one(std::make_unique<ReadingSession>(std::move(readings), &kept_))) {}

  ActiveRow row(TokenIds prompt, TokenIds new_ids = {}) const {
    ActiveRow row = doors_.open_row({.prompt_ids = std::move(prompt), .strengths = {1.0f}});
    row.row.new_ids = std::move(new_ids);
    return row;
  }
  /// States of the first reading for the texts of the rows, whatever was read of them before.
  Tensor states(std::vector<ActiveRow*> rows, ActivationHook* observer = nullptr) {
    torch::NoGradGuard no_grad;
    for (ActiveRow* row : rows) row->cache.truncate(0);
    kept_.clear();
    doors_.step(rows, observer);
    return kept_.empty() ? Tensor() : kept_.at(0).states;
  }
  const std::vector<ReadingSession::Kept>& kept() const { return kept_; }
  uint64_t tokens_read() const { return doors_.readings().tokens_read(); }

 private:
  static std::vector<std::unique_ptr<Session>> one(std::unique_ptr<Session> session) {
    std::vector<std::unique_ptr<Session>> sessions;
    sessions.push_back(std::move(session));
    return sessions;
  }
  std::vector<ReadingSession::Kept> kept_;
  Doors doors_;
};

}  // namespace limpid::testing_support
