#include "limpid/decoding/gate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "limpid/core/error.h"

namespace limpid {
namespace {

GateParts parts_by_hand() {
  GateParts parts;
  parts.weights = torch::tensor({1.0f, -2.0f});
  parts.bias = 0.5;
  parts.tokens = {{1, 3}, {0.0, std::log(0.5)}};
  parts.token_weight = 2.0;
  parts.margin = 3.0;
  parts.rule = {.open = 0.6, .close = 0.4, .full = 0.9, .hold = 3};
  return parts;
}

TEST(Gate, RiskByHand) {
  const Gate gate(parts_by_hand());
  // The nearest risky token is 1, at 4 of 5: n = -1, so r = sigmoid(0.5 + 1 - 1 + 2 (-1 + 3)).
  EXPECT_NEAR(gate.risk(std::vector{1.0f, 0.5f}, std::vector{5.0f, 4.0f, 0.0f, 4.5f}), 1.0 / (1.0 + std::exp(-4.5)),
              1e-12);
  // At 1 of 5 it is beyond the margin and counts nothing; token 3 at 1.5 is half as risky: n = -4.2.
  EXPECT_NEAR(gate.risk(std::vector{1.0f, 0.5f}, std::vector{5.0f, 1.0f, 0.0f, 1.5f}), 1.0 / (1.0 + std::exp(-0.5)),
              1e-12);
}

TEST(Gate, OpensAtItsThresholdHoldsAndClosesLower) {
  const Gate gate(parts_by_hand());
  GateTrack track;
  EXPECT_EQ(gate.held_open(track, 10), 0.0f);
  EXPECT_EQ(gate.take(track, 10, 0.59), 0.0f);
  EXPECT_NEAR(gate.take(track, 11, 0.72), 0.8f, 1e-6f);  // 0.72 of 0.9
  EXPECT_NEAR(gate.held_open(track, 12), 0.8f, 1e-6f);
  EXPECT_NEAR(gate.held_open(track, 13), 0.8f, 1e-6f);
  EXPECT_EQ(gate.held_open(track, 14), 0.0f) << "after three steps the plain model is looked at";
  EXPECT_NEAR(gate.take(track, 14, 0.45), 0.6f / 0.9f, 1e-6f) << "it was open: the lower threshold holds";
  EXPECT_EQ(gate.held_open(track, 17), 0.0f);
  EXPECT_EQ(gate.take(track, 17, 0.39), 0.0f);
  EXPECT_EQ(gate.take(track, 18, 0.45), 0.0f) << "it was closed: the upper threshold holds";
}

TEST(Gate, GoingBackForgetsWhatOpenedLater) {
  const Gate gate(parts_by_hand());
  GateTrack track;
  gate.take(track, 11, 1.0);
  EXPECT_EQ(gate.held_open(track, 9), 0.0f);
  EXPECT_TRUE(track.empty());
}

TEST(Gate, StaysClosedOnStatesThatAreNoNumbers) {
  const Gate gate(parts_by_hand());
  GateTrack track;
  const double risk = gate.risk(std::vector{NAN, 0.5f}, std::vector{5.0f, 4.0f, 0.0f, 4.5f});
  EXPECT_TRUE(std::isnan(risk));
  EXPECT_EQ(gate.take(track, 1, risk), 0.0f);
  EXPECT_TRUE(track.empty());
}

TEST(Gate, RefusesPartsThatMakeNoGate) {
  const auto refuses = [](auto damage) {
    GateParts parts = parts_by_hand();
    damage(parts);
    EXPECT_THROW(Gate{parts}, Error);
  };
  refuses([](GateParts& parts) { parts.weights[0] = NAN; });
  refuses([](GateParts& parts) { parts.bias = INFINITY; });
  refuses([](GateParts& parts) { parts.rule.close = 0.7; });
  refuses([](GateParts& parts) { parts.rule.open = 0.0; });
  refuses([](GateParts& parts) { parts.rule.hold = 0; });
  refuses([](GateParts& parts) { parts.tokens.ids = {3, 1}; });
  refuses([](GateParts& parts) { parts.tokens.log_risks = {0.0}; });
  refuses([](GateParts& parts) { parts.tokens.log_risks = {0.0, 0.1}; });
  const Gate gate(parts_by_hand());
  gate.check_fits(2, 4);
  EXPECT_THROW(gate.check_fits(3, 4), ShapeError);
  EXPECT_THROW(gate.check_fits(2, 3), ShapeError);
}

}  // namespace
}  // namespace limpid
