#include "limpid/methods/fusion/fit.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/methods/detox_spec.h"
#include "limpid/methods/detoxifier_file.h"
#include "limpid/methods/fusion/fusion.h"
#include "limpid/methods/registry.h"
#include "tests/methods/decode.h"
#include "tests/methods/toy_models.h"

namespace limpid {
namespace {

using namespace fusion;

using testing_support::decode_with;
using testing_support::open_exact;
using testing_support::TempDir;
using testing_support::ToySize;
using testing_support::Written;

const std::vector<std::string> kMerges = {"t h", "th e", "Ġ the", "i n", "Ġ a", "n d"};
const TokenIds kPrompt = {20, 31, 5, 77, 102, 9, 14};

std::vector<std::string> some_texts(size_t count) {
  const char* words[] = {"the", "sand", "in", "a", "hand", "and", "other", "thing", "inland", "b\xc3\xa4r"};
  RandomStream random(11);
  std::vector<std::string> texts;
  for (size_t i = 0; i < count; ++i) {
    std::string text;
    for (int w = 0; w < 12; ++w) text += std::string(w ? " " : "") + words[random.next_below(10)];
    texts.push_back(text);
  }
  return texts;
}

class Fit : public testing::Test {
 protected:
  void SetUp() override {
    write("target", {.width = 64, .layers = 3, .heads = 4, .inner = 96, .seed = 1, .merges = kMerges});
    write("calibrator", {.width = 64, .layers = 1, .heads = 4, .inner = 96, .seed = 2, .merges = kMerges});
    write("toxic", {.width = 64, .layers = 1, .heads = 4, .inner = 96, .seed = 3, .merges = kMerges});
    write("stranger",
          {.width = 64, .layers = 1, .heads = 4, .inner = 96, .seed = 2, .merges = kMerges, .table_seed = 5});
    testing_support::write_toy_gpt2(at("foreign"), {.width = 32, .layers = 2, .heads = 2, .seed = 4});
    target_ = open_exact(at("target"));
  }
  void write(const char* name, const ToySize& size) { testing_support::write_toy_llama(at(name), size); }
  fs::path at(const std::string& name) const { return folder_.path() / name; }
  FusionFit fit(const char* calibrator) const {
    FusionFit result;
    result.calibrator = at(calibrator);
    result.output = at("f.detox.safetensors");
    return result;
  }
  /// The calibrator as a fusion file runs it: 8-bit matrices, the target's precision.
  std::shared_ptr<const Model> eight_bit(const char* name) const {
    InferenceOptions options;
    options.precision = Precision::Exact;
    options.eight_bit = true;
    return open_model(at(name), options);
  }
  std::vector<Written> run_file(const std::string& options = "", std::vector<float> strengths = {0.3f, 0.8f}) const {
    return decode_with(target_, *open_detoxifier(DetoxSpec::parse(at("f.detox.safetensors").string() + options)),
                       kPrompt, 8, strengths);
  }
  static void expect_equal(const std::vector<Written>& a, const std::vector<Written>& b, double tolerance) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_LE((a[i].logits - b[i].logits).abs().max().item<double>(), tolerance);
  }

  TempDir folder_;
  std::shared_ptr<const Model> target_;
};

TEST_F(Fit, CalibratorOfTheTargetsBaseLiesInTheFileAndRunsAsTheModelItself) {
  fit_fusion(*target_, fit("calibrator"));
  fs::remove_all(at("calibrator") / "model.safetensors");  // the file stands alone
  const auto file = DetoxifierFile::open(at("f.detox.safetensors"));
  EXPECT_TRUE(file->info().needs.empty());
  EXPECT_EQ(file->tensors()->find("calibrator.model.embed_tokens.weight"), nullptr);
  EXPECT_EQ(file->tensors()->at("calibrator.model.layers.0.mlp.up_proj.weight").dtype, DType::Q8_0);
  const auto runs = run_file();
  write("calibrator", {.width = 64, .layers = 1, .heads = 4, .inner = 96, .seed = 2, .merges = kMerges});
  expect_equal(runs,
               decode_with(target_, FusionDetoxifier({Readout::Norm, eight_bit("calibrator"), nullptr, {}}), kPrompt, 8,
                           {0.3f, 0.8f}),
               2e-2);
  const Written plain = testing_support::decode_plain(target_, kPrompt, 8)[0];
  EXPECT_GT((runs[0].logits[0] - plain.logits[0]).abs().max().item<double>(), 0.1);
}

TEST_F(Fit, BlocksInTheFileAreTheVeryOnesThatRunFromAFolder) {
  fit_fusion(*target_, fit("calibrator"));
  const auto embedded = run_file();
  FusionFit linked = fit("calibrator");
  linked.store = CalibratorStore::Link;
  fit_fusion(*target_, linked);
  ASSERT_EQ(DetoxifierFile::open(at("f.detox.safetensors"))->info().needs.at(0).path, "calibrator");
  // The folder's embeddings are rounded to 8 bits, the target's are not: only they may differ.
  expect_equal(embedded, run_file(), 2e-2);
}

TEST_F(Fit, SecondModelMakesTheContrastAndTheOtherReadoutsStayThere) {
  FusionFit two = fit("calibrator");
  two.against = at("toxic");
  two.readout = Readout::Contrast;
  const Json settings = fit_fusion(*target_, two);
  EXPECT_EQ(settings.at("readouts"), Json({"norm", "layernorm", "scale", "convex", "contrast", "probability"}));
  const auto detoxifier = open_detoxifier(DetoxSpec::parse(two.output.string()));
  EXPECT_EQ(detoxifier->default_strength(), 1.0f);
  EXPECT_EQ(detoxifier->name(), "fusion/contrast");
  EXPECT_NE(DetoxifierFile::open(two.output)->tensors()->find("toxic.model.layers.0.self_attn.q_proj.weight"), nullptr);
  expect_equal(
      run_file("", {0.5f, 2.0f}),
      decode_with(target_, FusionDetoxifier({Readout::Contrast, eight_bit("calibrator"), eight_bit("toxic"), {}}),
                  kPrompt, 8, {0.5f, 2.0f}),
      5e-2);
  EXPECT_EQ(open_detoxifier(DetoxSpec::parse(two.output.string() + "?readout=norm"))->default_strength(), 0.5f);
  fit_fusion(*target_, fit("calibrator"));
  const auto norm = run_file();
  fit_fusion(*target_, two);
  expect_equal(run_file("?readout=norm"), norm, 0.0);
  EXPECT_NO_THROW(run_file("?readout=probability"));
  EXPECT_NO_THROW(run_file("?readout=temperature"));
}

TEST_F(Fit, ForeignCalibratorIsLinkedAndMappedByRidgeOnAlignedStates) {
  FusionFit foreign = fit("foreign");
  foreign.alignment = Alignment::Ridge;
  foreign.texts = some_texts(60);
  foreign.pairs = 1500;
  const Json align = fit_fusion(*target_, foreign).at("align");
  EXPECT_EQ(align.at("kind"), "ridge");
  EXPECT_GT(align.at("pairs").get<int64_t>(), 1000);
  EXPECT_GE(align.at("held_out_pairs").get<int64_t>(), 100);
  EXPECT_GT(align.at("explained_variance").get<double>(), 0.0);
  EXPECT_GT(align.at("retrieval_accuracy").get<double>(), 1.0 / 11.0);
  const auto detoxifier = open_detoxifier(DetoxSpec::parse(foreign.output.string()));
  EXPECT_FLOAT_EQ(detoxifier->default_strength(), 0.3f);
  const Written plain = testing_support::decode_plain(target_, kPrompt, 8)[0];
  EXPECT_GT((run_file()[0].logits[0] - plain.logits[0]).abs().max().item<double>(), 0.01);
}

TEST_F(Fit, EveryAlignmentGivesAFileThatRuns) {
  for (Alignment alignment :
       {Alignment::None, Alignment::Contrastive, Alignment::Ridge, Alignment::Procrustes, Alignment::Random}) {
    SCOPED_TRACE(name(alignment));
    FusionFit one = fit("calibrator");
    one.alignment = alignment;
    one.texts = some_texts(20);
    const Json align = fit_fusion(*target_, one).at("align");
    EXPECT_TRUE(align.contains("retrieval_accuracy"));
    EXPECT_EQ(align.contains("row_retrieval_accuracy"), alignment == Alignment::Contrastive);
    EXPECT_EQ(DetoxifierFile::open(one.output)->tensors()->find("map") != nullptr, alignment != Alignment::None);
    run_file();
  }
}

TEST_F(Fit, RowsOfOneBaseAreAlignedAlreadyAndTheContrastiveMapKeepsThemSo) {
  FusionFit one = fit("calibrator");
  one.alignment = Alignment::Contrastive;
  const Json align = fit_fusion(*target_, one).at("align");
  EXPECT_GT(align.at("row_retrieval_accuracy").get<double>(), 0.95);
}

TEST_F(Fit, CombinationsThatCannotWorkNameRidge) {
  const auto message = [&](FusionFit bad) -> std::string {
    try {
      fit_fusion(*target_, bad);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  FusionFit probability = fit("foreign");
  probability.readout = Readout::Probability;
  EXPECT_NE(message(probability).find("ridge"), std::string::npos);
  EXPECT_NE(message(fit("foreign")).find("ridge"), std::string::npos);
  write("narrow", {.width = 32, .layers = 1, .heads = 2, .merges = kMerges});
  EXPECT_NE(message(fit("narrow")).find("the calibrator has 32 where the target has 64; use --align ridge"),
            std::string::npos);
  FusionFit no_texts = fit("foreign");
  no_texts.alignment = Alignment::Ridge;
  EXPECT_NE(message(no_texts).find("--data"), std::string::npos);
  FusionFit alone = fit("calibrator");
  alone.readout = Readout::Contrast;
  EXPECT_NE(message(alone).find("--against"), std::string::npos);
  FusionFit little = fit("foreign");
  little.alignment = Alignment::Ridge;
  little.texts = {"a"};
  EXPECT_NE(message(little).find("too few"), std::string::npos);
  EXPECT_FALSE(fs::exists(at("f.detox.safetensors"))) << "nothing is left behind by a fit that failed";
}

TEST_F(Fit, EmbeddingsOfAnotherBaseAreNotTakenForTheTargets) {
  FusionFit stranger = fit("stranger");
  fit_fusion(*target_, stranger);
  EXPECT_EQ(DetoxifierFile::open(stranger.output)->info().needs.at(0).role,
            "calibrator");  // linked, with its own embeddings
  stranger.store = CalibratorStore::Embed;
  EXPECT_THROW(fit_fusion(*target_, stranger), ConfigError);
  stranger.store = CalibratorStore::Auto;
  write("base", {.width = 64, .layers = 2, .heads = 4, .inner = 96, .seed = 8, .merges = kMerges, .table_seed = 5});
  stranger.base = at("base");
  fit_fusion(*target_, stranger);
  const auto file = DetoxifierFile::open(stranger.output);
  EXPECT_EQ(file->info().needs.at(0).role, "base");
  EXPECT_NE(file->tensors()->find("calibrator.model.norm.weight"), nullptr);
  expect_equal(run_file(),
               decode_with(target_, FusionDetoxifier({Readout::Norm, eight_bit("stranger"), nullptr, {}}), kPrompt, 8,
                           {0.3f, 0.8f}),
               2e-2);
}

TEST_F(Fit, FileIsRefusedByAModelOfTheSameShapeWithOtherEmbeddings) {
  fit_fusion(*target_, fit("calibrator"));
  write("twin", {.width = 64, .layers = 3, .heads = 4, .inner = 96, .seed = 1, .merges = kMerges, .table_seed = 6});
  const auto twin = open_exact(at("twin"));
  EXPECT_THROW(open_detoxifier(DetoxSpec::parse(at("f.detox.safetensors").string()))->open(*twin), MismatchError);
  EXPECT_NO_THROW(open_detoxifier(DetoxSpec::parse(at("f.detox.safetensors").string()))->open(*target_));
}

TEST_F(Fit, Gpt2CalibratorOfItsOwnBaseIsEmbeddedThoughItsMatricesLieTransposed) {
  ToySize size{.width = 32, .layers = 3, .heads = 2, .seed = 7};
  testing_support::write_toy_gpt2(at("target-gpt2"), size);
  size.layers = 1;
  testing_support::write_toy_gpt2(at("calibrator-gpt2"), size);
  const auto target = open_exact(at("target-gpt2"));
  FusionFit one = fit("calibrator-gpt2");
  fit_fusion(*target, one);
  EXPECT_TRUE(DetoxifierFile::open(one.output)->info().needs.empty());
  const auto from_file =
      decode_with(target, *open_detoxifier(DetoxSpec::parse(one.output.string())), kPrompt, 4, {0.5f});
  const auto exact = decode_with(
      target, FusionDetoxifier({Readout::Norm, open_exact(at("calibrator-gpt2")), nullptr, {}}), kPrompt, 4, {0.5f});
  const double change =
      (exact[0].logits[0] - testing_support::decode_plain(target, kPrompt, 4)[0].logits[0]).abs().max().item<double>();
  EXPECT_LT((from_file[0].logits[0] - exact[0].logits[0]).abs().max().item<double>(), 0.1 * change);
}

TEST_F(Fit, SameFitGivesTheSameBytes) {
  FusionFit one = fit("foreign");
  one.alignment = Alignment::Ridge;
  one.texts = some_texts(20);
  fit_fusion(*target_, one);
  const std::string first = sha256_file(one.output);
  fit_fusion(*target_, one);
  EXPECT_EQ(sha256_file(one.output), first);
}

TEST(AlignedPositions, AreThoseAfterWhichBothHaveReadTheSameBytes) {
  const TempDir folder;
  testing_support::write_toy_llama(folder.path() / "merged", {.merges = {"t h", "th e"}});
  testing_support::write_toy_llama(folder.path() / "bytes", {});
  const auto merged = open_exact(folder.path() / "merged")->tokenizer(),
             bytes = open_exact(folder.path() / "bytes")->tokenizer();
  const TokenIds a = merged->encode("the t", false), b = bytes->encode("the t", false);
  ASSERT_EQ(a.size(), 3u);
  ASSERT_EQ(b.size(), 5u);
  const std::vector<std::pair<int64_t, int64_t>> expected = {{0, 2}, {1, 3}, {2, 4}};
  EXPECT_EQ(aligned_positions(*merged, a, *bytes, b), expected);
  TokenIds with_special = {0};
  with_special.insert(with_special.end(), a.begin(), a.end());
  EXPECT_EQ(aligned_positions(*merged, with_special, *bytes, b).front(), (std::pair<int64_t, int64_t>{1, 2}));
  EXPECT_TRUE(aligned_positions(*merged, a, *bytes, bytes->encode("tha t", false)).empty());
}

}  // namespace
}  // namespace limpid
