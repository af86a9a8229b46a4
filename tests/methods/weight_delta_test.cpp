#include "limpid/methods/weight_delta.h"

#include <gtest/gtest.h>

#include "limpid/core/error.h"
#include "limpid/kernels/thread_pool.h"
#include "limpid/models/save.h"
#include "tests/methods/all_positions.h"
#include "tests/methods/decode.h"
#include "tests/methods/toy_models.h"

namespace limpid {
namespace {

using testing_support::all_logits;
using testing_support::decode;
using testing_support::greedy_request;
using testing_support::one_session;
using testing_support::open_exact;
using testing_support::TempDir;
using testing_support::Written;

TEST(ChangedWeight, AddsALowRankProduct) {
  const Tensor W = torch::tensor({{1.0f, 2.0f}, {3.0f, 4.0f}, {5.0f, 6.0f}});
  const WeightDelta delta{torch::tensor({{1.0f, 10.0f}}), torch::tensor({{1.0f, 0.0f, 2.0f}}), {}};
  const Tensor expected = torch::tensor({{1.5f, 7.0f}, {3.0f, 4.0f}, {6.0f, 16.0f}});  // W + 0.5 up^T down
  EXPECT_TRUE(torch::equal(changed_weight(W, delta, DeltaInput::Input, 0.5), expected));
}

TEST(ChangedWeight, ChangesOnlyTheRowsThatAreNamed) {
  const Tensor W = torch::tensor({{1.0f, 2.0f}, {3.0f, 4.0f}, {5.0f, 6.0f}});
  const WeightDelta delta{torch::tensor({{1.0f, 10.0f}}), torch::tensor({{1.0f, 2.0f}}), {0, 2}};
  const Tensor expected = torch::tensor({{1.5f, 7.0f}, {3.0f, 4.0f}, {6.0f, 16.0f}});
  EXPECT_TRUE(torch::equal(changed_weight(W, delta, DeltaInput::Input, 0.5), expected));
}

TEST(ChangedWeight, ReadsTheProductOfTheWeightItself) {
  const Tensor W = torch::tensor({{1.0f, 2.0f}, {3.0f, 4.0f}});
  const WeightDelta delta{
      torch::tensor({{1.0f, 0.0f}}), torch::tensor({{-1.0f, 0.0f}}), {}};  // takes the first output out
  EXPECT_TRUE(
      torch::equal(changed_weight(W, delta, DeltaInput::Product, 1.0), torch::tensor({{0.0f, 0.0f}, {3.0f, 4.0f}})));
}

/// Toy models of both families and changes of both kinds in their last two layers.
struct Toys {
  TempDir dir;
  std::vector<fs::path> folders = {testing_support::write_toy_llama(dir.path() / "llama", {.layers = 3}),
                                   testing_support::write_toy_gpt2(dir.path() / "gpt2", {.layers = 3})};
  TokenIds prompt = {73, 33, 105, 3, 200, 67};

  static WeightDeltas deltas(const Model& model, Projection projection, DeltaInput reads, bool sparse,
                             int64_t rank = 2) {
    torch::manual_seed(5);
    WeightDeltas result{projection, reads, std::vector<WeightDelta>(3)};
    for (size_t layer : {1, 2}) {
      const int64_t out = model.projection(projection, int64_t(layer)).out(),
                    in = int64_t(model.projection(projection, int64_t(layer)).packed()->in());
      WeightDelta& delta = result.layers[layer];
      if (sparse) delta.rows = {1, 5, 17};
      delta.down = 0.1 * torch::randn({rank, reads == DeltaInput::Input ? in : out});
      delta.up = 0.1 * torch::randn({rank, sparse ? 3 : out});
    }
    return result;
  }
};

TEST(WeightDeltaSession, ComputesWhatAModelWithTheChangedWeightsComputes) {
  Toys toys;
  for (const fs::path& folder : toys.folders)
    for (Projection projection : {Projection::MlpGate, Projection::MlpDown})
      for (DeltaInput reads : {DeltaInput::Input, DeltaInput::Product})
        for (bool sparse : {false, true}) {
          SCOPED_TRACE(testing::Message() << folder << ", projection " << int(projection) << ", reads " << int(reads)
                                          << ", sparse " << sparse);
          const auto model = open_exact(folder), trainable = open_model(folder, TrainingOptions{});
          const WeightDeltas deltas = Toys::deltas(*model, projection, reads, sparse);
          ModelChanges changes;
          for (size_t layer : {1, 2}) {
            const Tensor& weight = trainable->projection(projection, int64_t(layer)).weight();
            for (const auto& [name, parameter] : trainable->parameters())
              if (parameter.is_same(weight))
                changes.tensors[name] = changed_weight(weight, deltas.layers[layer], reads, -1.5);
          }
          ASSERT_EQ(changes.tensors.size(), 2u);
          save_hf_folder(*trainable, toys.dir.path() / "changed", {}, changes);
          const Tensor expected = all_logits(*open_exact(toys.dir.path() / "changed"), toys.prompt);
          const Tensor got =
              all_logits(*model, toys.prompt, std::make_unique<WeightDeltaSession>(*model, deltas), -1.5f);
          EXPECT_TRUE(torch::allclose(got, expected, 1e-4, 1e-4)) << (got - expected).abs().max();
          EXPECT_FALSE(torch::allclose(got, all_logits(*model, toys.prompt), 1e-2, 1e-2));
        }
}

TEST(WeightDeltaSession, ARowIsTheSameToTheBitAloneAndAmongRowsOfOtherStrengths) {
  Toys toys;
  for (const fs::path& folder : toys.folders)
    for (DeltaInput reads : {DeltaInput::Input, DeltaInput::Product}) {
      SCOPED_TRACE(testing::Message() << folder << ", reads " << int(reads));
      const auto model = open_exact(folder);
      const WeightDeltas deltas = Toys::deltas(*model, Projection::MlpDown, reads, false);
      const std::vector<float> strengths = {1.0f, 0.0f, -0.5f, 2.0f};
      const auto session = [&] { return one_session(std::make_unique<WeightDeltaSession>(*model, deltas)); };
      std::vector<Request> requests;
      for (size_t i = 0; i < strengths.size(); ++i)
        requests.push_back(greedy_request(i, toys.prompt, 6, {strengths[i]}));
      const auto together = decode(model, session(), requests);
      for (size_t i = 0; i < strengths.size(); ++i) {
        const Written alone = decode(model, session(), {greedy_request(0, toys.prompt, 6, {strengths[i]})})[0];
        EXPECT_EQ(together[i].ids, alone.ids);
        EXPECT_TRUE(torch::equal(together[i].logits, alone.logits)) << "strength " << strengths[i];
      }
      EXPECT_TRUE(torch::equal(together[1].logits, testing_support::decode_plain(model, toys.prompt, 6)[0].logits));
      EXPECT_FALSE(torch::equal(together[0].logits, together[3].logits));
    }
}

TEST(WeightDeltaSession, LongPromptsOnSeveralThreadsGiveTheSameBits) {
  Toys toys;
  const auto model = open_exact(toys.folders[0]);
  const WeightDeltas deltas =
      Toys::deltas(*model, Projection::MlpDown, DeltaInput::Product, false, /*rank=*/16);  // much work for a token
  TokenIds text;
  for (int i = 0; i < 120; ++i) text.push_back(TokenId(1 + i * 7 % 256));
  const size_t threads = kernels::num_threads();
  std::vector<Tensor> results;
  for (size_t count : {1, 3}) {
    kernels::set_num_threads(count);
    std::vector<Request> requests;
    for (size_t i = 0; i < 8; ++i) requests.push_back(greedy_request(i, text, 2, {float(i) - 3.5f}));
    for (const Written& run :
         decode(model, one_session(std::make_unique<WeightDeltaSession>(*model, deltas)), requests))
      results.push_back(run.logits);
  }
  kernels::set_num_threads(threads);
  for (size_t i = 0; i < 8; ++i) EXPECT_TRUE(torch::equal(results[i], results[i + 8])) << i;
}

TEST(WeightDeltaSession, RefusesChangesThatDoNotFit) {
  Toys toys;
  const auto model = open_exact(toys.folders[0]);  // width 32, inner width 64
  const auto with = [&](WeightDelta delta, size_t layers = 3) {
    WeightDeltas deltas{Projection::MlpDown, DeltaInput::Input, std::vector<WeightDelta>(layers)};
    deltas.layers[0] = std::move(delta);
    return deltas;
  };
  EXPECT_NO_THROW(WeightDeltaSession(*model, with({torch::ones({1, 64}), torch::ones({1, 32}), {}})));
  EXPECT_THROW(WeightDeltaSession(*model, with({torch::ones({1, 64}), torch::ones({1, 32}), {}}, 2)), ShapeError);
  EXPECT_THROW(WeightDeltaSession(*model, with({torch::ones({1, 32}), torch::ones({1, 32}), {}})), ShapeError);
  EXPECT_THROW(WeightDeltaSession(*model, with({torch::ones({2, 64}), torch::ones({1, 32}), {}})), ShapeError);
  EXPECT_THROW(WeightDeltaSession(*model, with({torch::ones({1, 64}), torch::ones({1, 2}), {0, 32}})), ShapeError);
}

}  // namespace
}  // namespace limpid
