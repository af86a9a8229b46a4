#pragma once

#include <deque>
#include <map>
#include <optional>

#include "limpid/core/types.h"

namespace limpid {

/// Scores of windows that were read before, by their tokens. Whoever scores a text again and again while it grows keeps
/// one, so that each time only the end is read. For one scorer and one thread.
class KnownWindows {
 public:
  /// @param most  windows; beyond it the oldest are forgotten
  explicit KnownWindows(size_t most = 4096) : most_(most) {}

  std::optional<double> find(const TokenIds& window) const {
    const auto known = scores_.find(window);
    return known == scores_.end() ? std::nullopt : std::optional(known->second);
  }
  void add(TokenIds window, double score) {
    const auto [place, is_new] = scores_.emplace(std::move(window), score);
    if (!is_new) return;
    order_.push_back(place);
    if (order_.size() <= most_) return;
    scores_.erase(order_.front());
    order_.pop_front();
  }
  size_t size() const { return scores_.size(); }

 private:
  size_t most_;
  std::map<TokenIds, double> scores_;
  std::deque<std::map<TokenIds, double>::iterator> order_;
};

}  // namespace limpid
