#pragma once

#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "limpid/server/scoring.h"

/// A scorer and an encoder that answer at once.
namespace limpid::server::testing_support {

/// Scores 0.9 where a text holds "fool", none where it holds "NaN", otherwise 0.25.
class FakeScorer final : public TextScorer {
 public:
  const std::string& name() const override { return name_; }
  double threshold() const override { return 0.5; }
  void score(std::vector<std::string> texts, std::stop_token stop, Done done) override {
    std::vector<double> scores;
    for (const std::string& text : texts)
      scores.push_back(text.find("NaN") != std::string::npos    ? std::nan("")
                       : text.find("fool") != std::string::npos ? 0.9
                                                                : 0.25);
    texts_ = std::move(texts);
    stop_ = stop;
    if (waits) return;
    done(fails ? Outcome<std::vector<double>>(ApiError(503, "shutting_down", "the server is shutting down")) : scores);
  }
  const std::vector<std::string>& texts() const { return texts_; }
  const std::stop_token& stop() const { return stop_; }

  bool fails = false, waits = false;

 private:
  std::string name_ = "tiny/head-1";
  std::vector<std::string> texts_;
  std::stop_token stop_;
};

/// Cuts texts into letters, reads eight of them, and gives vectors of two numbers.
class FakeEmbedder final : public TextEmbedder {
 public:
  const std::string& name() const override { return name_; }
  int64_t width() const override { return 2; }
  int64_t vocabulary() const override { return 128; }
  int64_t max_tokens() const override { return 8; }
  TokenIds encode(const std::string& text) const override { return {text.begin(), text.end()}; }
  void embed(std::vector<TokenIds> texts, std::stop_token, Done done) override {
    std::vector<std::vector<float>> vectors;
    for (const TokenIds& ids : texts) vectors.push_back({0.6f, ids.front() == 'b' ? -0.8f : 0.8f});
    done(vectors);
  }

 private:
  std::string name_ = "tiny";
};

}  // namespace limpid::server::testing_support
