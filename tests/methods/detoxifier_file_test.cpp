#include "limpid/methods/detoxifier_file.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "limpid/checkpoints/safetensors.h"
#include "limpid/kernels/quantize.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/registry.h"
#include "tests/methods/decode.h"
#include "tests/methods/toy_models.h"

namespace limpid {
namespace {

using testing_support::open_exact;
using testing_support::TempDir;
using testing_support::ToySize;

// ---- the specification on the command line ----

TEST(DetoxSpec, IsAFileWithOptionsAndAStrength) {
  const DetoxSpec plain = DetoxSpec::parse("a/b.detox.safetensors");
  EXPECT_EQ(plain.file, "a/b.detox.safetensors");
  EXPECT_TRUE(plain.options.empty());
  EXPECT_FALSE(plain.strength);
  const DetoxSpec full = DetoxSpec::parse("f.detox.safetensors?readout=contrast&x=1:0.75");
  EXPECT_EQ(full.file, "f.detox.safetensors");
  EXPECT_EQ(full.options, (std::map<std::string, std::string>{{"readout", "contrast"}, {"x", "1"}}));
  EXPECT_EQ(*full.strength, 0.75f);
  EXPECT_EQ(*DetoxSpec::parse("f.safetensors:0").strength, 0.0f);
}

TEST(DetoxSpec, ColonsOfAFolderAreNoStrength) {
  EXPECT_EQ(DetoxSpec::parse("run:a/f.safetensors").file, "run:a/f.safetensors");
  const DetoxSpec spec = DetoxSpec::parse("run:a/f.safetensors:2");
  EXPECT_EQ(spec.file, "run:a/f.safetensors");
  EXPECT_EQ(*spec.strength, 2.0f);
}

TEST(DetoxSpec, ControlNeedsNoFile) {
  const DetoxSpec spec = DetoxSpec::parse("control:temperature:0.3");
  EXPECT_EQ(spec.file, "control:temperature");
  EXPECT_EQ(*spec.strength, 0.3f);
  EXPECT_FALSE(DetoxSpec::parse("control:temperature").strength);
}

TEST(DetoxSpec, TextThatIsNoSpecificationIsRefused) {
  for (const char* text : {"", ":0.5", "f.safetensors:loud", "f.safetensors:", "f.safetensors:nan",
                           "f.safetensors:1e99", "f?readout=a:b", "f.safetensors?readout=", "f.safetensors?=norm",
                           "f.safetensors?a=1&a=2", "control:noise:1", "control:temperature:x"})
    EXPECT_THROW(DetoxSpec::parse(text), ConfigError) << text;
}

// ---- the file ----

/// A file that is right, for tests that break one thing.
struct Parts {
  Json json = {
      {"format", 1},
      {"method", "fusion"},
      {"target",
       {{"architecture", "llama"}, {"hidden_size", 64}, {"layers", 2}, {"vocab_size", 257}, {"vocab_sha256", ""}}},
      {"settings", {{"readout", "norm"}, {"readouts", {"norm"}}, {"calibrator", {{"store", "folder"}}}}},
      {"default_strength", 0.5},
      {"strength_meaning", "a"},
      {"needs", Json::array()},
      {"provenance", Json::object()}};
  std::vector<TensorView> tensors;
  std::vector<float> floats = std::vector<float>(64, 0.5f);
  std::vector<std::byte> blocks = std::vector<std::byte>(2 * 68);

  void write(const fs::path& path) const { write_safetensors(path, tensors, {{"limpid", to_text(json)}}); }
  void add_blocks(std::vector<int64_t> shape, const char* type = "Q8_0") {
    tensors.push_back({"x", DType::U8, {2, 68}, blocks});
    json["settings"]["blocks"] = {{"x", {{"type", type}, {"shape", shape}}}};
  }
};

template <class Work>
std::string message_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(DetoxifierFile, ComesBackAsItWasWrittenBlocksIncluded) {
  const TempDir folder;
  const fs::path path = folder.path() / "f.detox.safetensors";
  std::vector<float> values(3 * 64);
  for (size_t i = 0; i < values.size(); ++i) values[i] = float(i) - 90.0f;
  std::vector<std::byte> blocks(byte_size(DType::Q8_0, values.size()));
  kernels::quantize_q8_0(values.data(), values.size(), blocks.data());
  DetoxifierInfo info;
  info.method = "fusion";
  info.target = {"llama", 64, 2, 257, "abc"};
  info.settings = {{"readout", "norm"}};
  info.default_strength = 0.25;
  info.strength_meaning = "share";
  info.needs = {{"base", "smollm2", "00ff"}};
  info.provenance = {{"seed", 7}};
  write_detoxifier(
      path, info,
      {{"map", DType::F32, {3, 64}, std::as_bytes(std::span(values))}, {"calibrator.w", DType::Q8_0, {3, 64}, blocks}});

  const auto file = DetoxifierFile::open(path);
  EXPECT_EQ(file->info().method, "fusion");
  EXPECT_EQ(file->info().target.difference(info.target), "");
  EXPECT_EQ(file->info().settings.at("readout"), "norm");
  EXPECT_EQ(file->info().default_strength, 0.25);
  ASSERT_EQ(file->info().needs.size(), 1u);
  EXPECT_EQ(file->info().needs[0].path, "smollm2");
  EXPECT_EQ(file->info().provenance.at("seed"), 7);
  const TensorView& matrix = file->tensors()->at("calibrator.w");
  EXPECT_EQ(matrix.dtype, DType::Q8_0);
  EXPECT_EQ(matrix.shape, (std::vector<int64_t>{3, 64}));
  EXPECT_NEAR(to_floats(matrix)[5], values[5], 0.5);
  EXPECT_EQ(to_floats(file->tensors()->at("map")), values);
  const auto below = file->tensors_below("calibrator.");
  ASSERT_EQ(below->tensors().size(), 1u);
  EXPECT_EQ(below->tensors()[0].name, "w");
}

TEST(DetoxifierFile, EveryKindOfDamageIsOneLineThatNamesTheFileAndThePlace) {
  const TempDir folder;
  const fs::path path = folder.path() / "broken.detox.safetensors";
  const struct {
    const char* what;
    void (*damage)(Parts&);
    const char* says;
  } kinds[] = {
      {"no format", [](Parts& p) { p.json.erase("format"); }, "\"format\" is missing"},
      {"format of the future", [](Parts& p) { p.json["format"] = 2; }, "format 2"},
      {"format is text", [](Parts& p) { p.json["format"] = "1"; }, "\"format\" is a string"},
      {"not an object", [](Parts& p) { p.json = Json::array({1}); }, "expected an object"},
      {"no method", [](Parts& p) { p.json.erase("method"); }, "\"method\" is missing"},
      {"method of another Limpid", [](Parts& p) { p.json["method"] = "exorcism"; }, "method \"exorcism\" is not known"},
      {"no target", [](Parts& p) { p.json.erase("target"); }, "\"target\" is missing"},
      {"width is text", [](Parts& p) { p.json["target"]["hidden_size"] = "64"; }, "\"hidden_size\" is a string"},
      {"no settings", [](Parts& p) { p.json["settings"] = 3; }, "\"settings\" is a number"},
      {"no strength", [](Parts& p) { p.json.erase("default_strength"); }, "\"default_strength\" is missing"},
      {"needs is no list", [](Parts& p) { p.json["needs"] = "base"; }, "\"needs\" is a string"},
      {"need without a path", [](Parts& p) { p.json["needs"] = {{{"role", "base"}}}; }, "\"path\" is missing"},
      {"unknown read-out", [](Parts& p) { p.json["settings"]["readout"] = "loud"; }, "read-out \"loud\""},
      {"read-outs no list", [](Parts& p) { p.json["settings"]["readouts"] = 1; }, "\"readouts\" is missing or no list"},
      {"unknown store", [](Parts& p) { p.json["settings"]["calibrator"]["store"] = "cloud"; },
       "\"store\" is \"cloud\""},
      {"no calibrator", [](Parts& p) { p.json["settings"].erase("calibrator"); }, "\"calibrator\" is missing"},
      {"contrast without a second model", [](Parts& p) { p.json["settings"]["readouts"] = {"contrast"}; },
       "no \"toxic\" model"},
      {"store in the file without a config", [](Parts& p) { p.json["settings"]["calibrator"]["store"] = "target"; },
       "\"config\" is missing"},
      {"strength outside the read-out's range", [](Parts& p) { p.json["default_strength"] = 3.0; }, "strength 3"},
      {"map is no matrix",
       [](Parts& p) { p.tensors.push_back({"map", DType::F32, {64}, std::as_bytes(std::span(p.floats))}); },
       "\"map\" is no float32 matrix"},
      {"blocks of an absent tensor",
       [](Parts& p) { p.json["settings"]["blocks"] = {{"y", {{"type", "Q8_0"}, {"shape", {1, 32}}}}}; },
       "does not hold"},
      {"blocks of an unknown type", [](Parts& p) { p.add_blocks({2, 64}, "Q9_9"); }, "Q9_9"},
      {"blocks of another size", [](Parts& p) { p.add_blocks({4, 64}); }, "does not fit the tensor"},
      {"blocks that cross rows", [](Parts& p) { p.add_blocks({4, 33}); }, "no whole blocks"},
      {"blocks of a negative size", [](Parts& p) { p.add_blocks({-2, 64}); }, "\"shape\" is not a list"},
      {"blocks of absurd size", [](Parts& p) { p.add_blocks({INT64_MAX, 64}); }, "does not fit the tensor"},
      {"blocks is a list", [](Parts& p) { p.json["settings"]["blocks"] = Json::array(); }, "\"blocks\" is an array"},
  };
  for (const auto& kind : kinds) {
    SCOPED_TRACE(kind.what);
    Parts parts;
    kind.damage(parts);
    parts.write(path);
    const std::string message = message_of([&] { open_detoxifier(DetoxSpec::parse(path.string())); });
    EXPECT_NE(message.find(kind.says), std::string::npos) << message;
    EXPECT_NE(message.find("broken.detox.safetensors"), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(DetoxifierFile, FilesThatAreNoDetoxifierAreRefused) {
  const TempDir folder;
  EXPECT_THROW(open_detoxifier(DetoxSpec::parse((folder.path() / "absent.detox.safetensors").string())), IoError);
  EXPECT_THROW(
      open_detoxifier(DetoxSpec::parse(folder.write("text.detox.safetensors", "not a tensor in sight").string())),
      FormatError);
  const std::vector<float> values(4);
  write_safetensors(folder.path() / "plain.safetensors", {{"x", DType::F32, {4}, std::as_bytes(std::span(values))}});
  const std::string message =
      message_of([&] { open_detoxifier(DetoxSpec::parse((folder.path() / "plain.safetensors").string())); });
  EXPECT_NE(message.find("not a detoxifier"), std::string::npos) << message;
  write_safetensors(folder.path() / "json.safetensors", {}, {{"limpid", "{\"format\": 1,"}});
  EXPECT_THROW(DetoxifierFile::open(folder.path() / "json.safetensors"), FormatError);
}

TEST(DetoxifierFile, OptionsThatTheMethodDoesNotKnowAreRefused) {
  const TempDir folder;
  const fs::path path = folder.path() / "f.detox.safetensors";
  Parts().write(path);
  EXPECT_NO_THROW(open_detoxifier(DetoxSpec::parse(path.string())));
  EXPECT_NO_THROW(open_detoxifier(DetoxSpec::parse(path.string() + "?readout=temperature")));
  EXPECT_NE(message_of([&] { open_detoxifier(DetoxSpec::parse(path.string() + "?loudness=3")); }).find("loudness"),
            std::string::npos);
  EXPECT_NE(
      message_of([&] { open_detoxifier(DetoxSpec::parse(path.string() + "?readout=contrast")); }).find("it has norm"),
      std::string::npos);
  EXPECT_THROW(open_detoxifier(DetoxSpec::parse(path.string() + ":7")), ConfigError);
}

TEST(DetoxifierFile, MadeForAnotherModelIsRefusedWithAllThatDiffers) {
  const TempDir folder;
  const auto target = open_exact(testing_support::write_toy_llama(
      folder.path() / "target", {.width = 64, .layers = 2, .heads = 4, .merges = {"t h"}}));
  const fs::path path = folder.path() / "f.detox.safetensors";
  Parts parts;
  parts.json["target"] = {{"architecture", "gpt2"},
                          {"hidden_size", 32},
                          {"layers", 3},
                          {"vocab_size", 258},
                          {"vocab_sha256", std::string(64, 'a')}};
  parts.write(path);
  const auto detoxifier = open_detoxifier(DetoxSpec::parse(path.string()));
  std::string message;
  try {
    detoxifier->open(*target);
  } catch (const MismatchError& error) {
    message = error.what();
  }
  for (const char* part : {"architecture gpt2, this model has llama", "hidden_size 32, this model has 64",
                           "layers 3, this model has 2", "vocabulary aaaaaaaaaaaa"})
    EXPECT_NE(message.find(part), std::string::npos) << message;
  EXPECT_EQ(message.find("vocab_size"), std::string::npos) << "equal sizes do not differ: " << message;
}

TEST(DetoxifierFile, ModelsItNeedsAreFoundBesideItAndTheirHashIsChecked) {
  const TempDir folder;
  testing_support::write_toy_llama(folder.path() / "models" / "small", {.width = 64, .layers = 1, .heads = 4});
  const fs::path path = folder.path() / "f.detox.safetensors";
  Parts parts;
  parts.json["needs"] = {{{"role", "calibrator"},
                          {"path", "models/small"},
                          {"sha256", weights_sha256(folder.path() / "models" / "small")}}};
  parts.write(path);
  EXPECT_TRUE(fs::equivalent(DetoxifierFile::open(path)->need("calibrator"), folder.path() / "models" / "small"));
  EXPECT_THROW(DetoxifierFile::open(path)->need("toxic"), FormatError);

  parts.json["needs"][0]["sha256"] = std::string(64, '0');
  parts.write(path);
  EXPECT_THROW(DetoxifierFile::open(path)->need("calibrator"), MismatchError);
  parts.json["needs"][0]["path"] = "models/no-such-model";
  parts.write(path);
  EXPECT_THROW(DetoxifierFile::open(path)->need("calibrator"), Error);
}

TEST(TemperatureControl, IsADetoxifierOfItsOwnOnAnyModel) {
  const TempDir folder;
  const auto target =
      open_exact(testing_support::write_toy_llama(folder.path() / "target", {.width = 64, .layers = 1, .heads = 4}));
  const auto control = open_detoxifier(DetoxSpec::parse("control:temperature:0.25"));
  const auto plain = testing_support::decode_plain(target, {5, 6, 7}, 1)[0];
  const auto cooled = testing_support::decode_with(target, *control, {5, 6, 7}, 1, {0.25f})[0];
  EXPECT_TRUE(torch::allclose(cooled.logits, plain.logits * 0.75, 1e-6, 1e-6));
  EXPECT_THROW(open_detoxifier(DetoxSpec::parse("control:temperature:2")), ConfigError);
}

}  // namespace
}  // namespace limpid
