#include "limpid/decoding/gate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "limpid/core/error.h"
#include "limpid/decoding/row_gates.h"
#include "tests/support/fixtures.h"
#include "tests/support/tiny_model.h"

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

/// Keeps what it is warned of.
class Listener final : public Watch {
 public:
  void warning(const std::string& message) override { warnings.push_back(message); }
  std::vector<std::string> warnings;
};

TEST(RowGates, WarnOnceOfAGateThatStaysClosedOnStatesThatAreNotFinite) {
  const auto model = testing_support::tiny_model();
  const size_t D = size_t(model->config().hidden_size), V = size_t(model->config().vocab_size);
  GateParts parts;
  parts.weights = torch::zeros({int64_t(D)});
  parts.bias = 5.0;  // open on everything else
  parts.name = "my.gate.safetensors";
  std::vector<std::unique_ptr<Session>> sessions;
  sessions.push_back(std::make_unique<Session>());
  sessions[0]->gate = std::make_shared<const Gate>(parts);
  Listener listener;
  RowGates gates(*model, sessions, listener);
  ActiveRow row{{.request = {.prompt = 6, .prompt_ids = {1, 2}, .strengths = {1.0f}}}, model->make_cache()};
  gates.prepare(row);
  const std::vector<float> logits(V, 0.0f);
  for (float value : {NAN, INFINITY, -INFINITY}) {
    std::vector<float> state(D, 0.0f);
    state[1] = value;
    gates.hold(row);
    EXPECT_FALSE(gates.open(row, state, logits)) << value;
  }
  ASSERT_EQ(listener.warnings.size(), 1u);
  EXPECT_EQ(listener.warnings[0],
            "my.gate.safetensors: the model's state is not finite (prompt 7, token 1); the gate stays closed on such "
            "states");
  EXPECT_TRUE(gates.open(row, std::vector<float>(D, 0.0f), logits));
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
