#include "limpid/checkpoints/quantised/quantised_checkpoint.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/half.h"
#include "tests/checkpoints/builders.h"
#include "tests/support/family_model.h"

namespace limpid {
namespace {

using namespace test_builders;
using namespace testing_support;

/// A model folder in which some matrix of the first block lies in a quantised form.
class QuantisedModel : public testing::Test {
 protected:
  QuantisedModel() {
    write_family_model(*find_family("llama"), folder);
    plain = SafetensorsFile::open(folder / "model.safetensors");
  }
  /// Puts `parts` in the place of a matrix.
  void replace(const std::string& settings, const std::string& matrix, const std::vector<TensorView>& parts) {
    std::vector<TensorView> tensors = parts;
    for (const TensorView& tensor : plain->tensors())
      if (tensor.name != kBlock + matrix + ".weight") tensors.push_back(tensor);
    for (size_t i = 0; i < parts.size(); ++i) tensors[i].name = kBlock + matrix + parts[i].name;
    write_safetensors(folder / "model.safetensors", tensors);
    Json config = parse_json(read_file(folder / "config.json"), "config.json");
    config["quantization_config"] = parse_json(settings, "settings");
    write_file(folder / "config.json", to_text(config));
  }
  Tensor logits(const fs::path& path) {
    const auto model = open_model(path, InferenceOptions{.precision = Precision::Exact});
    nn::KvCache cache = model->make_cache();
    const TokenIds ids = {72, 101, 108, 108, 111};
    const nn::Sequence sequence{&cache, ids};
    nn::Pass pass({&sequence, 1});
    torch::NoGradGuard no_grad;
    return model->output_matrix(model->final_state(pass, Outputs::All, nullptr));
  }
  /// The folder computes what one does that holds the matrix's values as float32.
  void expect_computed(const std::string& matrix) {
    const auto checkpoint = Checkpoint::open(folder);
    std::vector<std::byte> storage;
    const auto values = to_floats(checkpoint->load(checkpoint->at(kBlock + matrix + ".weight"), storage));
    const fs::path other = dir.path() / "float32";
    fs::create_directories(other);
    fs::copy_file(dir.path() / "plain.json", other / "config.json", fs::copy_options::overwrite_existing);
    std::vector<TensorView> tensors = plain->tensors();
    for (TensorView& tensor : tensors)
      if (tensor.name == kBlock + matrix + ".weight") tensor.data = std::as_bytes(std::span(values));
    write_safetensors(other / "model.safetensors", tensors);
    EXPECT_TRUE(torch::allclose(logits(folder), logits(other), 1e-4, 1e-4));
  }
  std::string refusal() {
    try {
      open_model(folder);
    } catch (const Error& error) {
      return error.what();
    }
    return "was opened";
  }

  const std::string kBlock = "model.layers.0.";
  TempDir dir;
  const fs::path folder = dir.path() / "model";
  std::shared_ptr<const SafetensorsFile> plain;
};

constexpr const char* kFp8 = R"({"quant_method": "fp8"})";
constexpr const char* kGptq = R"({"quant_method": "gptq", "bits": 4, "group_size": 32})";

TEST_F(QuantisedModel, OfFp8OpensAndComputesWithItsValues) {
  fs::copy_file(folder / "config.json", dir.path() / "plain.json");
  std::vector<uint8_t> codes(32 * 48);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = uint8_t(0x20 + i * 7 % 24 + (i % 3 ? 128 : 0));
  std::vector<float> scales(32, 0.25f);
  const TensorView weight = view(".weight", DType::F8_E4M3, {32, 48}, codes),
                   scale = view(".weight_scale", DType::F32, {32, 1}, scales);
  replace(kFp8, "mlp.down_proj", {weight, scale});
  expect_computed("mlp.down_proj");
  EXPECT_NO_THROW(open_model(folder, TrainingOptions{}));
}

TEST_F(QuantisedModel, OfGptqOpensAndComputesWithItsValues) {
  fs::copy_file(folder / "config.json", dir.path() / "plain.json");
  std::vector<int32_t> codes(4 * 48), zeros(6, 0x77777777);
  for (size_t i = 0; i < codes.size(); ++i) codes[i] = int32_t(i * 0x9e3779b9u);
  const std::vector<uint16_t> scales(48, float_to_f16(0.03f));
  replace(kGptq, "mlp.gate_proj",
          {view(".qweight", DType::I32, {4, 48}, codes), view(".qzeros", DType::I32, {1, 6}, zeros),
           view(".scales", DType::F16, {1, 48}, scales)});
  expect_computed("mlp.gate_proj");
}

TEST_F(QuantisedModel, WhoseValuesAreNotFiniteIsRefused) {
  std::vector<uint8_t> codes(32 * 48, 0x38);
  std::vector<float> scales(32, 0.25f);
  scales[2] = NAN;
  const TensorView weight = view(".weight", DType::F8_E4M3, {32, 48}, codes),
                   scale = view(".weight_scale", DType::F32, {32, 1}, scales);
  replace(kFp8, "mlp.down_proj", {weight, scale});
  EXPECT_NE(refusal().find("\"model.layers.0.mlp.down_proj.weight\": [2, 0] is nan"), std::string::npos) << refusal();
}

}  // namespace
}  // namespace limpid
