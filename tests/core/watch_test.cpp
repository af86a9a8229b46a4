#include "limpid/core/watch.h"

#include <gtest/gtest.h>

#include <vector>

namespace limpid {
namespace {

class Listener final : public Watch {
 public:
  void progress(const WorkState& state) override {
    heard.push_back(concat(state.what, " ", state.done, "/", state.total, " ", state.unit, ", fresh ", state.fresh,
                           state.finished ? ", finished" : ""));
  }
  bool stop() override { return stopped; }
  std::vector<std::string> heard;
  bool stopped = false;
};

TEST(Watch, HearsHowFarAPieceOfWorkIsAndWhatOfItIsNew) {
  Listener listener;
  Progress progress(listener, "distil", 10, "texts");
  progress.update(4);  // were there already
  progress.update(7);
  progress.finish();
  EXPECT_EQ(listener.heard, (std::vector<std::string>{"distil 4/10 texts, fresh 0", "distil 7/10 texts, fresh 3",
                                                      "distil 7/10 texts, fresh 3, finished"}));
}

TEST(Watch, StopsWorkOnlyWhenItSaysSo) {
  Listener listener;
  EXPECT_NO_THROW(listener.throw_if_stopped());
  listener.stopped = true;
  EXPECT_THROW(listener.throw_if_stopped(), Interrupted);
  EXPECT_FALSE(unwatched().stop());
}

}  // namespace
}  // namespace limpid
