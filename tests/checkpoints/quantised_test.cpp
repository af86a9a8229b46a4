#include <gtest/gtest.h>

#include "limpid/checkpoints/quantised/quantised_checkpoint.h"
#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/error.h"
#include "limpid/core/half.h"
#include "tests/checkpoints/builders.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using namespace test_builders;
using testing_support::TempDir;

/// A model folder of some tensors and a "quantization_config".
class Quantised : public testing::Test {
 protected:
  std::shared_ptr<const Checkpoint> open(const std::string& settings, const std::vector<TensorView>& tensors,
                                         const std::string& type = "llama") {
    write_safetensors(dir.path() / "model.safetensors", tensors);
    dir.write("config.json", R"({"model_type": ")" + type + R"(", "quantization_config": )" + settings + "}");
    return Checkpoint::open(dir.path());
  }
  TensorView load(const std::shared_ptr<const Checkpoint>& checkpoint, const std::string& name = "a.weight") {
    return checkpoint->load(checkpoint->at(name), storage);
  }
  std::string error_of(const std::string& settings, const std::vector<TensorView>& tensors,
                       const std::string& type = "llama") {
    try {
      open(settings, tensors, type);
    } catch (const Error& error) {
      return error.what();
    }
    return "was opened";
  }

  TempDir dir;
  std::vector<std::byte> storage;
};

const std::vector<uint16_t> kHalf = {float_to_f16(0.5f)};

TEST_F(Quantised, GptqWeightsOfSymmetricFourBitsBecomeBlocksOfTheSame) {
  std::vector<int32_t> codes(4, 0x76543210), zeros = {7};  // one output of 32 inputs; the zero point 8, less one
  const auto checkpoint =
      open(R"({"quant_method": "gptq", "bits": 4, "group_size": 32})",
           {view("a.qweight", DType::I32, {4, 1}, codes), view("a.qzeros", DType::I32, {1, 1}, zeros),
            view("a.scales", DType::F16, {1, 1}, kHalf), view("b.weight", DType::F16, {1}, kHalf)});
  const TensorView weight = load(checkpoint);
  EXPECT_EQ(weight.dtype, DType::Q4_0);
  EXPECT_EQ(weight.shape, (std::vector<int64_t>{1, 32}));
  const auto values = to_floats(weight);
  for (int i = 0; i < 32; ++i) EXPECT_EQ(values[size_t(i)], 0.5f * float(i % 8 - 8));
  EXPECT_EQ(checkpoint->tensors().size(), 2u);  // the weight and b.weight
}

TEST_F(Quantised, GptqOfTheSecondVersionStoresZeroPointsAsTheyAre) {
  std::vector<int32_t> codes(4, 0x76543210), zeros = {3};
  const auto checkpoint =
      open(R"({"quant_method": "gptq", "bits": 4, "group_size": 32, "checkpoint_format": "gptq_v2"})",
           {view("a.qweight", DType::I32, {4, 1}, codes), view("a.qzeros", DType::I32, {1, 1}, zeros),
            view("a.scales", DType::F16, {1, 1}, kHalf)});
  const TensorView weight = load(checkpoint);
  EXPECT_EQ(weight.dtype, DType::Q5_0);  // steps from -3 to 12
  EXPECT_EQ(to_floats(weight)[0], -1.5f);
  EXPECT_EQ(to_floats(weight)[31], 2.0f);
}

TEST_F(Quantised, GptqWithInputsInAnotherOrderBecomesFloats) {
  std::vector<int32_t> codes(4, 0x11111111), zeros = {0, 0}, group(32, 0);
  group[5] = 1;
  const std::vector<uint16_t> scales = {float_to_f16(1), float_to_f16(2)};
  const auto checkpoint =
      open(R"({"quant_method": "gptq", "bits": 4, "checkpoint_format": "gptq_v2"})",
           {view("a.qweight", DType::I32, {4, 1}, codes), view("a.qzeros", DType::I32, {2, 1}, zeros),
            view("a.scales", DType::F16, {2, 1}, scales), view("a.g_idx", DType::I32, {32}, group)});
  const TensorView weight = load(checkpoint);
  EXPECT_EQ(weight.dtype, DType::F32);
  EXPECT_EQ(to_floats(weight)[4], 1.0f);
  EXPECT_EQ(to_floats(weight)[5], 2.0f);
}

TEST_F(Quantised, AwqWordsHoldEightOutputsInTheirOwnOrder) {
  std::vector<int32_t> codes(32, 0x75316420), zeros = {0};  // outputs 0 to 7 have the codes 0 to 7
  const std::vector<uint16_t> scales(8, float_to_f16(0.5f));
  const auto checkpoint =
      open(R"({"quant_method": "awq", "bits": 4, "version": "GEMM"})",
           {view("a.qweight", DType::I32, {32, 1}, codes), view("a.qzeros", DType::I32, {1, 1}, zeros),
            view("a.scales", DType::F16, {1, 8}, scales)});
  const auto values = to_floats(load(checkpoint));
  for (int o = 0; o < 8; ++o) EXPECT_EQ(values[size_t(o) * 32], 0.5f * float(o));
}

TEST_F(Quantised, SmallFloatsTakeTheScaleOfTheirBlockRowOrMatrix) {
  const std::vector<uint8_t> ones(6, 0x38);  // 1 in E4M3
  const std::vector<float> grid = {2, 3, 4, 5}, rows = {2, 3}, one = {7};
  const auto by_block =
      open(R"({"quant_method": "fp8", "weight_block_size": [1, 2]})",
           {view("a.weight", DType::F8_E4M3, {2, 3}, ones), view("a.weight_scale_inv", DType::F32, {2, 2}, grid)});
  EXPECT_EQ(to_floats(load(by_block)), (std::vector<float>{2, 2, 3, 4, 4, 5}));
  const auto by_row =
      open(R"({"quant_method": "compressed-tensors", "format": "float-quantized"})",
           {view("a.weight", DType::F8_E4M3, {2, 3}, ones), view("a.weight_scale", DType::F32, {2, 1}, rows)});
  EXPECT_EQ(to_floats(load(by_row)), (std::vector<float>{2, 2, 2, 3, 3, 3}));
  const auto whole = open(R"({"quant_method": "fp8"})", {view("a.weight", DType::F8_E4M3, {2, 3}, ones),
                                                         view("a.weight_scale", DType::F32, {}, one)});
  EXPECT_EQ(to_floats(load(whole)), std::vector<float>(6, 7));
}

TEST_F(Quantised, SizesThatNoWeightHasAreRefusedOrHarmless) {
  const std::vector<int32_t> none, zeros = {7};
  EXPECT_NE(error_of(R"({"quant_method": "gptq", "bits": 4})",
                     {view("a.qweight", DType::I32, {int64_t(1) << 62, 0}, none),
                      view("a.qzeros", DType::I32, {1, 1}, zeros), view("a.scales", DType::F16, {1, 1}, kHalf)})
                .find("and so no elements"),
            std::string::npos);
  const std::vector<uint8_t> ones(6, 0x38), no_bytes;
  const std::vector<float> columns = {2, 3, 4}, one = {7};
  const auto tall =
      open(R"({"quant_method": "fp8", "weight_block_size": [9223372036854775807, 1]})",
           {view("a.weight", DType::F8_E4M3, {2, 3}, ones), view("a.weight_scale_inv", DType::F32, {1, 3}, columns)});
  EXPECT_EQ(to_floats(load(tall)), (std::vector<float>{2, 3, 4, 2, 3, 4}));
  EXPECT_NE(error_of(R"({"quant_method": "fp8"})",
                     {view("a.weight", DType::F8_E4M3, {2, 0}, no_bytes), view("a.weight_scale", DType::F32, {1}, one)})
                .find("and so no elements"),
            std::string::npos);
}

TEST_F(Quantised, FourBitsOfBitsandbytesLookTheirValuesUp) {
  const std::vector<uint8_t> codes = {0x01, 0x12}, nested = {0};
  std::vector<float> map(16), outer(256);
  for (int i = 0; i < 16; ++i) map[size_t(i)] = float(i);
  outer[0] = 4;
  const std::vector<float> scale = {0.5f};
  const std::string state =
      R"({"quant_type": "nf4", "blocksize": 4, "shape": [2, 2], "nested_blocksize": 256, "nested_offset": 1.0})";
  const auto checkpoint =
      open(R"({"quant_method": "bitsandbytes", "load_in_4bit": true})",
           {view("a.weight", DType::U8, {2, 1}, codes), view("a.weight.absmax", DType::U8, {1}, nested),
            view("a.weight.quant_map", DType::F32, {16}, map), view("a.weight.nested_absmax", DType::F32, {1}, scale),
            view("a.weight.nested_quant_map", DType::F32, {256}, outer),
            view("a.weight.quant_state.bitsandbytes__nf4", DType::U8, {int64_t(state.size())}, state)});
  EXPECT_EQ(to_floats(load(checkpoint)), (std::vector<float>{0, 3, 3, 6}));  // times 4 * 0.5 + 1, the high half first
}

TEST_F(Quantised, EightBitsOfBitsandbytesHaveAScaleForEachRow) {
  const std::vector<int8_t> codes = {127, -127};
  const std::vector<float> scales = {2, 4};
  const auto checkpoint = open(R"({"quant_method": "bitsandbytes", "load_in_8bit": true})",
                               {view("a.weight", DType::I8, {2, 1}, codes), view("a.SCB", DType::F32, {2}, scales)});
  EXPECT_FLOAT_EQ(to_floats(load(checkpoint))[0], 2);
  EXPECT_FLOAT_EQ(to_floats(load(checkpoint))[1], -4);
}

TEST_F(Quantised, NamesFormsThatAreNotSupported) {
  const std::vector<TensorView> none = {view("a.weight", DType::F16, {1}, kHalf)};
  EXPECT_NE(error_of(R"({"quant_method": "hqq"})", none).find("quantised by \"hqq\" are not supported; expected gptq"),
            std::string::npos);
  EXPECT_NE(error_of(R"({"quant_method": "gptq", "bits": 3})", none).find("GPTQ of 3 bits"), std::string::npos);
  EXPECT_NE(error_of(R"({"quant_method": "awq", "version": "gemv"})", none).find("\"gemv\""), std::string::npos);
  EXPECT_NE(error_of(R"({"quant_method": "compressed-tensors", "format": "pack-quantized"})", none)
                .find("\"pack-quantized\" are not supported"),
            std::string::npos);
  EXPECT_NE(error_of(R"({"bits": 4})", none).find("\"quant_method\" is missing"), std::string::npos);
  EXPECT_NE(error_of("5", none).find("\"quantization_config\" is a number"), std::string::npos);
}

TEST_F(Quantised, NamesPartsThatAreMissingOrDoNotFit) {
  const std::vector<int32_t> codes(4, 0), group(32, 9);
  const TensorView weight = view("a.qweight", DType::I32, {4, 1}, codes),
                   zeros = view("a.qzeros", DType::I32, {1, 1}, std::span(codes).first(1)),
                   scales = view("a.scales", DType::F16, {1, 1}, kHalf);
  const std::string gptq = R"({"quant_method": "gptq", "bits": 4})";
  EXPECT_NE(error_of(gptq, {weight, zeros}).find("tensor \"a.scales\" is missing"), std::string::npos);
  EXPECT_NE(error_of(gptq, {weight, scales, view("a.qzeros", DType::I32, {2, 1}, std::span(codes).first(2))})
                .find("\"a.qzeros\" has shape [2, 1], expected [1, 1]"),
            std::string::npos);
  EXPECT_NE(error_of(gptq, {weight, zeros, scales, view("a.g_idx", DType::I32, {32}, group)})
                .find("an input of group 9, expected 0 to 0"),
            std::string::npos);
  EXPECT_NE(error_of(gptq, {weight, zeros, scales}, "gpt2").find("weights of a gpt2 quantised by \"gptq\""),
            std::string::npos);
}

TEST(SharedTensors, AreFoundByTheNamesThatTheMetadataGiveThem) {
  TempDir dir;
  const std::vector<float> one = {5};
  write_safetensors(dir.path() / "a.safetensors", {view("lm_head.weight", DType::F32, {1}, one)},
                    {{"model.embed_tokens.weight", "lm_head.weight"}});
  const auto file = SafetensorsFile::open(dir.path() / "a.safetensors");
  EXPECT_EQ(to_floats(file->at("model.embed_tokens.weight")), one);
  EXPECT_EQ(file->find("lm_head.weight.absent"), nullptr);
}

TEST_F(Quantised, RefusesBlocksOfSizesThatNoFileHas) {
  const std::vector<uint8_t> ones(6, 0x38), codes = {0x01, 0x12};
  const std::vector<float> none, map(16, 1.0f);
  const std::string most = std::to_string(INT64_MAX);
  EXPECT_NE(
      error_of(R"({"quant_method": "fp8", "weight_block_size": [)" + most + ", " + most + "]}",
               {view("a.weight", DType::F8_E4M3, {2, 3}, ones), view("a.weight_scale_inv", DType::F32, {0, 0}, none)})
          .find("\"a.weight_scale_inv\" has shape [0, 0] for a weight of [2, 3]"),
      std::string::npos);
  const std::string state = R"({"quant_type": "nf4", "shape": [2, 2], "blocksize": )" + most + "}";
  EXPECT_NE(error_of(R"({"quant_method": "bitsandbytes", "load_in_4bit": true})",
                     {view("a.weight", DType::U8, {2, 1}, codes), view("a.weight.absmax", DType::F32, {0}, none),
                      view("a.weight.quant_map", DType::F32, {16}, map),
                      view("a.weight.quant_state.bitsandbytes__nf4", DType::U8, {int64_t(state.size())}, state)})
                .find("\"a.weight.absmax\" has shape [0], expected [1]"),
            std::string::npos);
}

}  // namespace
}  // namespace limpid
