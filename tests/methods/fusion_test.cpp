#include "limpid/methods/fusion/fusion.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/kernels/thread_pool.h"
#include "limpid/methods/fusion/alignment.h"
#include "tests/methods/decode.h"
#include "tests/methods/toy_models.h"

namespace limpid {
namespace {

using namespace fusion;

using testing_support::decode;
using testing_support::decode_plain;
using testing_support::decode_with;
using testing_support::greedy_request;
using testing_support::one_session;
using testing_support::open_exact;
using testing_support::TempDir;
using testing_support::ToySize;
using testing_support::Written;

const std::vector<std::string> kMerges = {"t h", "th e", "Ġ the", "i n", "Ġ a", "n d"};
const TokenIds kPrompt = {20, 31, 5, 77, 102, 9, 14};

/// Target and calibrator of one vocabulary, and a calibrator of another family, width and vocabulary.
class Fusion : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TempDir;
    ToySize target{.width = 64, .layers = 3, .heads = 4, .inner = 96, .seed = 1, .merges = kMerges};
    ToySize calibrator{.width = 64, .layers = 1, .heads = 4, .inner = 96, .seed = 2, .merges = kMerges};
    ToySize toxic = calibrator;
    toxic.seed = 3;
    target_ = open_exact(testing_support::write_toy_llama(folder_->path() / "target", target));
    calibrator_ = open_exact(testing_support::write_toy_llama(folder_->path() / "calibrator", calibrator));
    toxic_ = open_exact(testing_support::write_toy_llama(folder_->path() / "toxic", toxic));
    foreign_ = open_exact(testing_support::write_toy_gpt2(folder_->path() / "foreign",
                                                          {.width = 32, .layers = 2, .heads = 2, .seed = 4}));
  }
  static void TearDownTestSuite() {
    target_ = calibrator_ = toxic_ = foreign_ = nullptr;
    delete folder_;
  }

  static FusionDetoxifier fusion(Readout readout, std::shared_ptr<const Model> calibrator, torch::Tensor map = {}) {
    return FusionDetoxifier({readout, std::move(calibrator), readout == Readout::Contrast ? toxic_ : nullptr,
                             map.defined() ? StateMap(map) : StateMap()});
  }
  static torch::Tensor some_map(int64_t D1, int64_t D2) { return random_orthogonal_map(D1, D2, 5); }

  /// State after the final norm at the last of `ids`, without any cache from before.
  static torch::Tensor state_of(const Model& model, const TokenIds& ids) {
    nn::KvCache cache = model.make_cache();
    const nn::Sequence sequence{&cache, ids};
    nn::Pass pass({&sequence, 1});
    return model.final_state(pass, Outputs::Last);
  }

  static inline TempDir* folder_ = nullptr;
  static inline std::shared_ptr<const Model> target_, calibrator_, toxic_, foreign_;
};

constexpr Readout kAll[] = {Readout::Norm,     Readout::LayerNorm,   Readout::Scale,      Readout::Convex,
                            Readout::Contrast, Readout::Probability, Readout::Temperature};

TEST_F(Fusion, StrengthZeroIsBitIdenticalToThePlainModelBesideRowsThatAreFused) {
  const Written plain = decode_plain(target_, kPrompt, 12)[0];
  for (Readout readout : kAll) {
    SCOPED_TRACE(name(readout));
    const auto runs = decode_with(target_, fusion(readout, calibrator_), kPrompt, 12, {0.5f, 0.0f, 0.9f});
    EXPECT_EQ(runs[1].ids, plain.ids);
    EXPECT_TRUE(torch::equal(runs[1].logits, plain.logits));
    EXPECT_FALSE(torch::equal(runs[0].logits, plain.logits));
  }
}

TEST_F(Fusion, RowAloneIsBitIdenticalToTheSameRowAmongOthersOfOtherStrengthsAndLengths) {
  for (Readout readout : kAll) {
    SCOPED_TRACE(name(readout));
    const FusionDetoxifier detoxifier = fusion(readout, calibrator_);
    std::vector<Request> requests;
    for (size_t i = 0; i < 6; ++i)
      requests.push_back(greedy_request(i, TokenIds(kPrompt.begin(), kPrompt.begin() + 1 + long(i)), 4 + int64_t(i),
                                        {0.15f * float(i)}));
    const auto together = decode(target_, one_session(detoxifier.open(*target_)), requests);
    for (size_t i : {0u, 3u, 5u}) {
      Request alone = requests[i];
      alone.sample = 0;
      const Written run = decode(target_, one_session(detoxifier.open(*target_)), {alone})[0];
      EXPECT_EQ(run.ids, together[i].ids);
      EXPECT_TRUE(torch::equal(run.logits, together[i].logits));
    }
  }
}

TEST_F(Fusion, ThreadsDoNotChangeABit) {
  const size_t before = kernels::num_threads();
  kernels::set_num_threads(1);
  const auto one = decode_with(target_, fusion(Readout::Contrast, calibrator_), kPrompt, 8, {0.5f, 1.0f});
  kernels::set_num_threads(2);
  const auto two = decode_with(target_, fusion(Readout::Contrast, calibrator_), kPrompt, 8, {0.5f, 1.0f});
  kernels::set_num_threads(before);
  for (size_t i : {0u, 1u}) EXPECT_TRUE(torch::equal(one[i].logits, two[i].logits));
}

TEST_F(Fusion, CalibratorEqualToTheTargetChangesNothingInAllFormsButTheMappedLayerNorm) {
  const Written plain = decode_plain(target_, kPrompt, 10)[0];
  const torch::Tensor identity = torch::eye(64);
  const auto largest_change = [&](Readout readout, torch::Tensor map) {
    const FusionDetoxifier detoxifier({readout, target_, readout == Readout::Contrast ? target_ : nullptr,
                                       map.defined() ? StateMap(map) : StateMap()});
    double change = 0.0;
    for (const Written& run : decode_with(target_, detoxifier, kPrompt, 10, {0.1f, 0.5f, 1.0f})) {
      EXPECT_EQ(run.ids, plain.ids);
      // Mixed probabilities come normalised, so compare what softmax sees.
      change = std::max(
          change,
          (torch::log_softmax(run.logits, -1) - torch::log_softmax(plain.logits, -1)).abs().max().item<double>());
    }
    return change;
  };
  for (Readout readout :
       {Readout::Norm, Readout::LayerNorm, Readout::Scale, Readout::Convex, Readout::Contrast, Readout::Probability}) {
    EXPECT_LT(largest_change(readout, {}), 1e-4) << name(readout);
    if (readout != Readout::LayerNorm && readout != Readout::Probability) {
      EXPECT_LT(largest_change(readout, identity), 1e-4) << name(readout);
    }
  }
}

TEST_F(Fusion, CachesGiveWhatReadingEverythingAgainGives) {
  for (Readout readout : {Readout::Norm, Readout::LayerNorm, Readout::Contrast}) {
    SCOPED_TRACE(name(readout));
    const FusionDetoxifier detoxifier = fusion(readout, calibrator_, some_map(64, 64));
    const Written run = decode_with(target_, detoxifier, kPrompt, 20, {0.5f})[0];
    TokenIds text = kPrompt;
    for (int64_t step = 0; step < 20; ++step) {
      const Written again = decode_with(target_, detoxifier, text, 1, {0.5f})[0];
      EXPECT_LT((again.logits[0] - run.logits[step]).abs().max().item<double>(), 1e-4) << "step " << step;
      text.push_back(run.ids[size_t(step)]);
    }
  }
}

TEST_F(Fusion, ContrastAddsTheMappedDifferenceOfBothStatesOfTheFullText) {
  const torch::Tensor map = some_map(64, 64).to(torch::kFloat32);
  const Written run = decode_with(target_, fusion(Readout::Contrast, calibrator_, map), kPrompt, 3, {1.5f})[0];
  TokenIds text = kPrompt;
  text.push_back(run.ids[0]);
  text.push_back(run.ids[1]);
  const torch::Tensor h =
      state_of(*target_, text) + 1.5 * (state_of(*calibrator_, text) - state_of(*toxic_, text)).matmul(map);
  EXPECT_LT((target_->output_matrix(h)[0] - run.logits[2]).abs().max().item<double>(), 1e-4);
}

TEST_F(Fusion, ProbabilitiesAreMixedThroughTheCalibratorsOwnHead) {
  const Written run = decode_with(target_, fusion(Readout::Probability, calibrator_), kPrompt, 1, {0.3f})[0];
  const auto log_p = [&](const Model& model) {
    return torch::log_softmax(model.output_matrix(state_of(model, kPrompt)), -1);
  };
  const torch::Tensor expected = torch::log_softmax(0.3 * log_p(*calibrator_) + 0.7 * log_p(*target_), -1);
  EXPECT_LT((expected[0] - run.logits[0]).abs().max().item<double>(), 1e-4);
  EXPECT_NEAR(run.logits[0].exp().sum().item<double>(), 1.0, 1e-5);
}

TEST_F(Fusion, RewoundRowsGoOnAsIfTheDroppedTokensHadNeverBeen) {
  for (const auto& calibrator : {calibrator_, foreign_}) {
    const FusionDetoxifier detoxifier =
        fusion(Readout::Norm, calibrator, some_map(calibrator->config().hidden_size, 64));
    Request request = greedy_request(0, kPrompt, 12, {0.5f});
    request.sampling.greedy = false;
    const Written plain = decode(target_, one_session(detoxifier.open(*target_)), {request})[0];
    Generator generator(target_, one_session(detoxifier.open(*target_)));
    const RequestId id = generator.submit(request);
    TokenIds ids;
    const auto done = [&](Completion completion) { ids = std::move(completion.ids); };
    for (size_t tokens : {2u, 1u, 3u}) {
      generator.step(done);
      generator.step(done);
      generator.rewind(id, tokens);
    }
    generator.run(done);
    EXPECT_EQ(ids, plain.ids);
  }
}

TEST_F(Fusion, ForeignCalibratorSeesItsOwnEncodingOfAllBytesAtEveryStep) {
  const torch::Tensor map = some_map(32, 64).to(torch::kFloat32);
  const Tokenizer& own = *target_->tokenizer();
  const TokenIds prompt = own.encode("the end and the f\xc3\xbcnf", false);
  ASSERT_LT(prompt.size(), std::string("the end and the f\xc3\xbcnf").size());  // merges make it shorter than its bytes
  const Written run = decode_with(target_, fusion(Readout::Convex, foreign_, map), prompt, 16, {0.5f})[0];
  TokenIds text = prompt;
  for (size_t step = 0; step < 16; ++step) {
    std::string bytes;
    for (TokenId id : text) bytes += own.token_bytes(id);
    // the oracle: encode everything again, keep the characters that are whole; bytes that can become none are U+FFFD
    ByteAlignedStream stream(target_->tokenizer(), foreign_->tokenizer());
    for (TokenId id : text) stream.push(id);
    const TokenIds ids = foreign_->tokenizer()->encode(stream.text(), false);
    const torch::Tensor h = 0.5 * state_of(*foreign_, ids).matmul(map) + 0.5 * state_of(*target_, text);
    EXPECT_LT((target_->output_matrix(h)[0] - run.logits[int64_t(step)]).abs().max().item<double>(), 1e-4)
        << "step " << step;
    text.push_back(run.ids[step]);
  }
}

TEST_F(Fusion, RowWithoutAnyIdOfTheCalibratorIsLeftPlain) {
  const TokenIds special = {0};  // no bytes, and this calibrator has no token to begin with
  const Written plain = decode_plain(target_, special, 1)[0];
  const Written run = decode_with(target_, fusion(Readout::Convex, foreign_, some_map(32, 64)), special, 3, {0.5f})[0];
  EXPECT_TRUE(torch::equal(run.logits[0], plain.logits[0]));
  const Written longer = decode_plain(target_, {0, run.ids[0]}, 1)[0];
  if (run.ids[0] != 0) {
    EXPECT_FALSE(torch::equal(run.logits[1], longer.logits[0]));
  }
}

template <class ErrorType, class Work>
std::string message_of(Work work) {
  try {
    work();
  } catch (const ErrorType& error) {
    return error.what();
  }
  return "no error";
}

TEST_F(Fusion, PartsThatDoNotFitTogetherAreRefusedWithWhatWouldHelp) {
  EXPECT_NE(message_of<MismatchError>([] { fusion(Readout::Norm, foreign_).open(*target_); }).find("ridge"),
            std::string::npos);
  EXPECT_NE(message_of<MismatchError>([] {
              fusion(Readout::Probability, foreign_).open(*target_);
            }).find("equal vocabularies"),
            std::string::npos);
  EXPECT_NE(message_of<MismatchError>([] {
              fusion(Readout::Norm, calibrator_, some_map(32, 64)).open(*target_);
            }).find("width 32"),
            std::string::npos);
  EXPECT_NE(message_of<ConfigError>([] {
              FusionDetoxifier({Readout::Contrast, calibrator_, nullptr, {}}).open(*target_);
            }).find("second model"),
            std::string::npos);
  EXPECT_NE(message_of<ConfigError>([] {
              FusionDetoxifier({Readout::Norm, nullptr, nullptr, {}}).open(*target_);
            }).find("needs a calibrator"),
            std::string::npos);
  EXPECT_NE(message_of<MismatchError>([] {
              FusionDetoxifier({Readout::Contrast, calibrator_, foreign_, {}}).open(*target_);
            }).find("differ"),
            std::string::npos);
}

TEST_F(Fusion, OtherVocabularyWithoutATokenizerIsRefused) {
  ToySize size{.width = 64, .layers = 1, .heads = 4, .inner = 96, .seed = 2};
  size.tokenizer = false;
  const auto mute = open_exact(testing_support::write_toy_llama(folder_->path() / "mute", size));
  EXPECT_NE(message_of<MismatchError>([&] {
              fusion(Readout::Norm, mute, some_map(64, 64)).open(*target_);
            }).find("without its tokenizer"),
            std::string::npos);
}

TEST_F(Fusion, StrengthOutsideItsRangeEndsTheRunWithAnError) {
  EXPECT_THROW(decode_with(target_, fusion(Readout::Norm, calibrator_), kPrompt, 2, {1.5f}), Error);
  EXPECT_THROW(decode_with(target_, fusion(Readout::Temperature, nullptr), kPrompt, 2, {-0.5f}), Error);
  EXPECT_NO_THROW(decode_with(target_, fusion(Readout::Contrast, calibrator_), kPrompt, 2, {-0.5f}));
}

TEST_F(Fusion, DetoxifiersComposeInTheirOrder) {
  const auto norm = fusion(Readout::Norm, calibrator_), cool = fusion(Readout::Temperature, nullptr);
  std::vector<std::unique_ptr<Session>> sessions;
  sessions.push_back(norm.open(*target_));
  sessions.push_back(cool.open(*target_));
  const auto both = decode(target_, std::move(sessions), {greedy_request(0, kPrompt, 1, {0.5f, 0.25f})});
  const Written first = decode_with(target_, norm, kPrompt, 1, {0.5f})[0];
  EXPECT_LT((both[0].logits - 0.75 * first.logits).abs().max().item<double>(), 1e-5);
}

}  // namespace
}  // namespace limpid
