#include "limpid/core/phases.h"

#include <gtest/gtest.h>

namespace limpid {
namespace {

/// Keeps the lines that a person would see.
class Lines final : public Watch {
 public:
  void progress(const WorkState& state) override {
    lines.push_back(concat(state.what, ": ", state.done, " %", state.detail.empty() ? "" : ", " + state.detail,
                           state.finished ? concat(", took ", state.seconds) : ""));
  }
  void info(const std::string& message) override { lines.push_back(message); }
  void warning(const std::string& message) override { lines.push_back("warning: " + message); }
  std::vector<std::string> lines;
};

TEST(Phases, SayWhatIsLeftInAllAndCorrectItByWhatWasTaken) {
  Lines seen;
  double now = 100.0;
  Phases phases(seen, {{"texts", 10, 1}, {"probes", 20, 2}, {"check", 30, 1}}, [&] { return now; });
  const auto work = [&](const std::string& what, uint64_t done, uint64_t fresh, bool finished = false) {
    phases.progress({what, "texts", "", done, 10, fresh, 0.0, finished});
  };
  phases.next();
  now += 10;
  work("writing", 5, 5);  // 10 s for a half of 10 s: all takes twice as long
  now += 10;
  work("writing", 10, 10, true);
  phases.info("a word from inside");
  phases.warning("a warning from inside");
  phases.end("12 toxic");
  phases.next();
  now += 10;
  work("fold", 5, 5);
  EXPECT_EQ(seen.lines,
            (std::vector<std::string>{"1 of 3, texts: 0 %", "1 of 3, texts: 50 %, writing, 110 s left in all",
                                      "1 of 3, texts: 99 %, writing, 101 s left in all",
                                      "warning: a warning from inside", "1 of 3, texts: 100 %, 12 toxic, took 20",
                                      "2 of 3, probes: 0 %", "2 of 3, probes: 25 %, fold, 90 s left in all"}));
}

TEST(Phases, WhatWasThereAlreadySaysNothingOfSpeed) {
  Lines seen;
  double now = 0.0;
  Phases phases(seen, {{"texts", 10, 1}, {"check", 30, 1}}, [&] { return now; });
  phases.next();
  now += 1;
  phases.progress({"writing", "texts", "", 9, 10, 1, 1.0, false});
  phases.end();
  phases.next();
  phases.progress({"writing", "texts", "", 0, 10, 0, 0.0, false});
  EXPECT_EQ(seen.lines.back(), "2 of 2, check: 0 %, writing, 30 s left in all");
}

TEST(Phases, MorePiecesThanExpectedAreNotFinishedAllTheSame) {
  Lines seen;
  Phases phases(seen, {{"strengths", 10, 1}}, [] { return 0.0; });
  phases.next();
  for (const char* piece : {"a", "b"}) phases.progress({piece, "prompts", "", 10, 10, 10, 0.0, true});
  phases.progress({"c", "prompts", "", 5, 10, 5, 0.0, false});
  EXPECT_TRUE(seen.lines.back().starts_with("1 of 1, strengths: 83 %")) << seen.lines.back();
}

}  // namespace
}  // namespace limpid
