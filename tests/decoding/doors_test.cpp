#include "limpid/decoding/doors.h"

#include <cmath>

#include "limpid/decoding/logits.h"
#include "tests/support/fixtures.h"
#include "tests/support/tiny_model.h"

namespace limpid {
namespace {

using namespace testing_support;

/// Writes down which door it is called at, and with which strengths.
class Witness final : public Session {
 public:
  Witness(char name, std::vector<std::string>& calls) : name_(name), calls_(calls) {}
  bool listens(Site site, int64_t layer) const override { return site == Site::LayerOutput && layer == 1; }
  void activations(Site, int64_t, const Step& step, Tensor& x) override {
    note("activations", step);
    EXPECT_EQ(x.size(0), step.pass->size());
    for (size_t r = 0; r < step.rows.size(); ++r)
      EXPECT_EQ(step.end(r) - step.begin(r), int64_t(step.rows[r]->request.prompt_ids.size()));
  }
  bool listens(Projection projection, int64_t layer) const override {
    return projection == Projection::MlpDown && layer == 0;
  }
  void projected(Projection, int64_t, const Step& step, const Tensor&, Tensor&) override { note("projected", step); }
  void final_state(const Step& step, Tensor& h) override {
    note("final_state", step);
    EXPECT_EQ(h.size(0), int64_t(step.rows.size()));
  }
  void logits(const Step& step, Tensor& z) override {
    note("logits", step);
    for (size_t r = 0; r < step.rows.size(); ++r) step.memory<int>(r) += 1;
    z = z + 1;  // replaced, not edited
  }

 private:
  void note(const char* door, const Step& step) {
    std::string call = concat(name_, " ", door);
    for (float strength : step.strengths) call += concat(" ", strength);
    calls_.push_back(call);
  }
  char name_;
  std::vector<std::string>& calls_;
};

struct Room {
  explicit Room(std::shared_ptr<const Model> model = tiny_model()) : doors(std::move(model), sessions(calls)) {
    rows.push_back(doors.open_row({.prompt_ids = {1, 2, 3}, .strengths = {1.0f, 0.5f}}));
    rows.push_back(doors.open_row({.prompt_ids = {4}, .strengths = {0.0f, 2.0f}}));
    rows.push_back(doors.open_row({.prompt_ids = {5, 6}}));
  }
  static std::vector<std::unique_ptr<Session>> sessions(std::vector<std::string>& calls) {
    std::vector<std::unique_ptr<Session>> all;
    all.push_back(std::make_unique<Witness>('a', calls));
    all.push_back(std::make_unique<Witness>('b', calls));
    return all;
  }
  Doors::Result step(ActivationHook* observer = nullptr) {
    torch::NoGradGuard no_grad;
    std::vector<ActiveRow*> pointers;
    for (ActiveRow& row : rows) pointers.push_back(&row);
    return doors.step(pointers, observer);
  }
  std::vector<std::string> calls;
  Doors doors;
  std::vector<ActiveRow> rows;
};

TEST(Doors, OpenInOrderForTheRowsWhoseStrengthIsNotZero) {
  Room room;
  const auto result = room.step();
  EXPECT_EQ(room.calls,
            (std::vector<std::string>{"a projected 1", "b projected 0.5 2", "a activations 1", "b activations 0.5 2",
                                      "a final_state 1", "b final_state 0.5 2", "a logits 1", "b logits 0.5 2"}));
  Doors plain(tiny_model(), {});
  for (size_t r = 0; r < 3; ++r) {
    ActiveRow row = plain.open_row(room.rows[r].row.request);
    ActiveRow* pointer = &row;
    const Tensor expected = plain.step({&pointer, 1}).logits[0] + std::vector{2, 1, 0}[r];
    EXPECT_TRUE(torch::allclose(result.logits[int64_t(r)], expected)) << r;
    EXPECT_EQ(room.rows[r].cache.length(), room.rows[r].row.request.prompt_ids.size());
    EXPECT_TRUE(room.rows[r].unread().empty());
  }
}

TEST(Doors, WhatASessionKeepsOfARowIsCopiedWithItAndIsItsOwn) {
  Room room;
  room.step();
  room.rows.push_back(room.rows[1]);
  for (ActiveRow& row : room.rows) row.row.new_ids = {7};
  for (ActiveRow& row : room.rows) row.row.request.prompt_ids.resize(1);  // what the witness compares with: one token
  for (ActiveRow& row : room.rows) row.cache.truncate(1);
  room.rows.erase(room.rows.begin());
  room.step();
  const auto kept = [&](size_t row, size_t session) {
    const std::any& any = room.rows[row].memories[session];
    return any.has_value() ? std::any_cast<int>(any) : 0;
  };
  EXPECT_EQ(kept(0, 0), 0);
  EXPECT_EQ(kept(0, 1), 2);
  EXPECT_EQ(kept(2, 1), 2);  // the copy: one before it was made, one after
  EXPECT_EQ(kept(1, 1), 0);
}

/// Sees that sessions have been at a site before it.
class Observer final : public ActivationHook {
 public:
  explicit Observer(std::vector<std::string>& calls) : calls_(calls) {}
  bool listens(Site site, int64_t layer) const override { return site == Site::LayerOutput && layer == 1; }
  void activations(Site, int64_t, const nn::Pass& pass, Tensor&) override {
    calls_.push_back("observer");
    EXPECT_EQ(pass.size(), 6);
  }

 private:
  std::vector<std::string>& calls_;
};

TEST(Doors, AnObserverComesLastAndSeesTheRowsOnly) {
  Room room;
  Observer observer(room.calls);
  room.step(&observer);
  EXPECT_EQ(room.calls[4], "observer");
}

TEST(ParallelRows, WhatIsThrownForARowEndsThatRowAlone) {
  class Picky final : public Session {
    void logits(const Step& step, Tensor& z) override {
      parallel_rows(step, z, [&](size_t r, std::span<float> row) {
        LIMPID_CHECK(step.strengths[r] < 2.0f, ConfigError, "strength ", step.strengths[r]);
        row[0] = 9.0f;
      });
    }
  };
  std::vector<std::unique_ptr<Session>> sessions;
  sessions.push_back(std::make_unique<Picky>());
  Doors doors(tiny_model(), std::move(sessions));
  ActiveRow good = doors.open_row({.prompt_ids = {1}, .strengths = {1.0f}}),
            bad = doors.open_row({.prompt_ids = {1}, .strengths = {2.0f}});
  ActiveRow* rows[] = {&bad, &good};
  torch::NoGradGuard no_grad;
  EXPECT_EQ(doors.step(rows).logits[1][0].item<float>(), 9.0f);
  EXPECT_FALSE(good.error);
  EXPECT_EQ(*bad.error, "strength 2");
}

TEST(FaultOf, NamesWhatCannotBeDrawnFrom) {
  EXPECT_EQ(fault_of(std::vector{1.0f, kRemoved}), nullptr);
  EXPECT_NE(fault_of(std::vector{kRemoved, kRemoved}), nullptr);
  for (float value : {NAN, INFINITY, -NAN}) EXPECT_NE(fault_of(std::vector{1.0f, value, 2.0f}), nullptr);
}

TEST(MaskImplausible, RemovesWhatIsLessLikelyThanAShareOfTheBest) {
  std::vector<float> z = {4.0f, 3.5f, 0.0f};  // cut-off: 4 - log 2 = 3.31
  mask_implausible(0.5, z);
  EXPECT_EQ(kept_tokens(z), (TokenIds{0, 1}));
  EXPECT_EQ(likeliest(z, 5), (TokenIds{0, 1}));
  EXPECT_EQ(likeliest(std::vector{1.0f, 3.0f, 3.0f}, 2), (TokenIds{1, 2}));
}

TEST(AddContrast, LeavesRemovedTokensAndTakesTheLogitsThemselvesWhereNothingElseIsGiven) {
  std::vector<float> z = {4.0f, kRemoved}, alone = z;
  add_contrast(z, std::vector{1.0f, 1.0f}, std::vector{3.0f, 3.0f}, 0.5f);
  EXPECT_EQ(z, (std::vector{3.0f, kRemoved}));
  add_contrast(alone, {}, std::vector{3.0f, 3.0f}, 2.0f);
  EXPECT_EQ(alone, (std::vector{6.0f, kRemoved}));
}

}  // namespace
}  // namespace limpid
