#include "limpid/core/phases.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "limpid/core/number_text.h"

namespace limpid {
namespace {

constexpr double kTelling = 0.1;  // a phase tells how fast it goes when this share of it is done

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

Phases::Phases(Watch& watch, std::vector<Phase> phases, std::function<double()> clock)
    : watch_(watch),
      phases_(std::move(phases)),
      clock_(clock ? std::move(clock) : steady_seconds) {}

void Phases::next() {
  ++begun_;
  start_ = clock_();
  piece_.clear();
  pieces_ = piece_share_ = 0.0;
  resumed_ = false;
  report(0, "", false);
}

void Phases::end(const std::string& outcome) {
  if (!resumed_ && pieces_ + piece_share_ > 0.0) {
    taken_seconds_ += clock_() - start_;
    expected_seconds_ += phases_.at(begun_ - 1).seconds;
  }
  report(100, outcome, true);
}

void Phases::progress(const WorkState& state) {
  if (state.what != piece_) {
    if (piece_share_ > 0.0) ++pieces_;
    piece_ = state.what;
  }
  resumed_ = resumed_ || state.fresh < state.done;
  piece_share_ = state.total > 0 ? double(state.done) / double(state.total) : 0.0;
  if (state.finished) {
    ++pieces_;
    piece_share_ = 0.0;
    piece_.clear();
  }
  const std::string left = human_duration(seconds_left()) + " left in all";
  report(uint64_t(100.0 * share_done()), state.what + ", " + left, false);
}

double Phases::share_done() const {
  const double seen = pieces_ + (piece_.empty() ? 0.0 : 1.0);  // there may be more than expected
  return std::min(0.99, (pieces_ + piece_share_) / std::max(phases_.at(begun_ - 1).pieces, seen));
}

double Phases::seconds_left() const {
  const Phase& phase = phases_.at(begun_ - 1);
  const double elapsed = clock_() - start_, share = share_done();
  const bool tells = !resumed_ && share > kTelling;
  const double taken = taken_seconds_ + (tells ? elapsed / share : 0.0),
               expected = expected_seconds_ + (tells ? phase.seconds : 0.0),
               slowness = expected > 0.0 ? taken / expected : 1.0;
  double left = tells ? elapsed / share * (1.0 - share) : phase.seconds * slowness * (1.0 - share);
  for (size_t p = begun_; p < phases_.size(); ++p) left += phases_[p].seconds * slowness;
  return left;
}

void Phases::report(uint64_t percent, const std::string& detail, bool finished) {
  const std::string what = concat(begun_, " of ", phases_.size(), ", ", phases_.at(begun_ - 1).name);
  // Nothing of it counts as fresh: the time that is left is in the detail, for all phases and not for this one.
  watch_.progress({what, "%", detail, percent, 100, 0, clock_() - start_, finished});
}

}  // namespace limpid
