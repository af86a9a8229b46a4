#include "limpid/server/scheduler/row_guard.h"

#include <algorithm>
#include <cmath>

namespace limpid::server {

RowGuard::RowGuard(const GuardChoice& choice, const ServerFacts& facts, std::vector<float> strengths)
    : choice_(choice),
      facts_(facts),
      asked_(std::move(strengths)),
      strengths_(asked_) {
  report_.threshold = choice.threshold;
  if (!asked_.empty()) report_.strength = asked_.front();
}

Verdict RowGuard::look(const std::string& text, size_t tokens, bool is_last, const Score& score) {
  if (!is_last && int64_t(tokens - seen_) < facts_.guard.window) return Verdict::Wait;
  seen_ = tokens;
  ++report_.checks;
  double found;
  try {
    found = score(text);
  } catch (const std::exception&) {
    found = std::nan("");
  }
  if (found <= choice_.threshold) {
    report_.score = found;
    released_ = tokens;
    strengths_ = asked_;
    return Verdict::Release;
  }
  if (report_.rewinds < choice_.rewinds) {
    ++report_.rewinds;
    report_.rewound_tokens += int64_t(tokens - released_);
    seen_ = released_;
    raise();
    return Verdict::Rewind;
  }
  report_.refused = true;
  report_.rewound_tokens += int64_t(tokens - released_);
  return Verdict::Refuse;
}

void RowGuard::raise() {
  strengths_ = asked_;
  if (strengths_.empty()) return;
  const DetoxifierFacts& dial = facts_.detoxifiers.front();
  const double wanted = (1.0 + double(report_.rewinds) / 2.0) * std::max(asked_.front(), dial.start);
  strengths_.front() = float(std::clamp(wanted, dial.range.least, dial.range.most));
  report_.strength = std::max(report_.strength, strengths_.front());
}

}  // namespace limpid::server
