#include "limpid/nn/linear.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "limpid/core/error.h"

namespace limpid::nn {
namespace {

std::shared_ptr<const PackedMatrix> pack(const Tensor& weight, DType as = DType::F32) {
  return PackedMatrix::pack(weight.const_data_ptr<float>(), size_t(weight.size(0)), size_t(weight.size(1)), as);
}

/// The weights that a packed matrix stands for, [out, in].
Tensor unpacked(const PackedMatrix& matrix) {
  Tensor rows = torch::empty({int64_t(matrix.out()), int64_t(matrix.in())});
  for (size_t o = 0; o < matrix.out(); ++o) matrix.row(o, rows.mutable_data_ptr<float>() + o * matrix.in());
  return rows.to(torch::kFloat64);
}

/// How far a product may be off, by what its precision rounds: [N, out].
///   exact  sums in float32
///   bf16   activations and weights to 8 bits: 2^-9 of each product twice
///   int8   activations to steps of (largest of the row) / 127: half a step times each weight
Tensor allowed_error(Precision precision, const Tensor& x, const Tensor& weight) {
  const Tensor sizes = x.abs().matmul(weight.abs().t());
  if (precision == Precision::Exact) return 1e-6 * sizes + 1e-6;
  if (precision == Precision::BF16) return sizes / 256.0 + 1e-6;
  return std::get<0>(x.abs().max(1, true)) / 254.0 * weight.abs().sum(1) + 1e-5 * sizes;
}

TEST(Linear, FollowsThePlainProductAtEachPrecisionWithinWhatItRounds) {
  torch::manual_seed(1);
  const struct {
    Precision precision;
    DType type;
    std::vector<int64_t> widths;
  } cases[] = {{Precision::Exact, DType::F32, {1, 31, 67}},
               {Precision::BF16, DType::F32, {33, 64}},
               {Precision::Exact, DType::Q8_0, {32, 96}},
               {Precision::Int8, DType::Q8_0, {32, 96}}};
  for (const auto& [precision, type, widths] : cases) {
    for (int64_t in : widths) {
      for (int64_t out : {1, 15, 17, 40}) {
        for (int64_t N : {1, 3, 9}) {
          SCOPED_TRACE(testing::Message() << name(precision) << ", [" << out << ", " << in << "], " << N << " rows");
          const auto packed = pack(torch::randn({out, in}), type);
          const Tensor x = torch::randn({N, in}), bias = torch::randn({out}), wide = x.to(torch::kFloat64),
                       weight = unpacked(*packed);
          const Tensor y = Linear(packed, bias, precision).forward(x);
          const Tensor error = (y - (wide.matmul(weight.t()) + bias)).abs() - allowed_error(precision, wide, weight);
          EXPECT_LE(error.max().item<double>(), 0.0);
        }
      }
    }
  }
}

TEST(Linear, RowsHaveTheSameBitsAloneInSlicesAndAmongOthersAtEachPrecision) {
  torch::manual_seed(2);
  for (const auto& [precision, type] :
       {std::pair{Precision::Exact, DType::F32}, {Precision::BF16, DType::F32}, {Precision::Int8, DType::Q8_0}}) {
    SCOPED_TRACE(name(precision));
    const Linear layer(pack(torch::randn({33, 64}), type), torch::randn({33}), precision);
    const Tensor fused = torch::randn({9, 100}), x = fused.narrow(1, 20, 64), y = layer.forward(x);
    for (int64_t row : {0, 5, 8}) EXPECT_TRUE(torch::equal(layer.forward(x.narrow(0, row, 1).contiguous())[0], y[row]));
  }
}

TEST(Linear, WantedOutputsHaveTheBitsOfAll) {
  torch::manual_seed(3);
  const Linear layer(pack(torch::randn({67, 32})), Tensor(), Precision::Exact);
  const Tensor x = torch::randn({3, 32}), all = layer.forward(x);
  const std::vector<std::vector<int32_t>> wanted = {{0, 15, 16, 66}, {}, {40}};
  const Tensor some = layer.forward(x, wanted);
  for (size_t r = 0; r < wanted.size(); ++r)
    for (int32_t o : wanted[r]) EXPECT_EQ(some[int64_t(r)][o].item<float>(), all[int64_t(r)][o].item<float>());
}

TEST(Linear, SeveralLayersAtOnceGiveTheBitsOfEachAlone) {
  torch::manual_seed(4);
  const Tensor x = torch::randn({5, 32}), bias = torch::randn({7});
  const Tensor weights[] = {torch::randn({7, 32}), torch::randn({40, 32})};
  const Linear packed[] = {{pack(weights[0]), bias, Precision::Exact}, {pack(weights[1]), Tensor(), Precision::Exact}},
               trained[] = {{weights[0], bias, torch::kFloat32}, {weights[1], Tensor(), torch::kFloat32}};
  for (const Linear* layers : {packed, trained}) {
    const std::vector<Tensor> both = forward_many(std::array{&layers[0], &layers[1]}, x);
    for (size_t i : {0, 1}) EXPECT_TRUE(torch::equal(both[i], layers[i].forward(x)));
  }
}

TEST(Linear, TrainedInBfloat16GivesGradientsToItsFloat32Weight) {
  torch::manual_seed(5);
  const Tensor weight = torch::randn({4, 16}).set_requires_grad(true), x = torch::randn({3, 16});
  const Linear layer(weight, Tensor(), torch::kBFloat16);
  const Tensor y = layer.forward(x);
  EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
  y.to(torch::kFloat32).sum().backward();
  EXPECT_EQ(weight.grad().scalar_type(), torch::kFloat32);
  EXPECT_TRUE(torch::allclose(weight.grad(), x.sum(0).expand({4, 16}), 0.03, 0.03));
}

TEST(LowRank, AddsItsScaledProductOfWhatDropoutLeavesAndAloneLearnsBesideAFrozenWeight) {
  torch::manual_seed(6);
  const Tensor weight = torch::randn({5, 8}), a = torch::randn({2, 8}).set_requires_grad(true),
               b = torch::randn({5, 2}).set_requires_grad(true), x = torch::randn({3, 8});
  const auto adapter = std::make_shared<LowRank>(LowRank{a, b, 0.5, nullptr});
  const Linear layer(weight, Tensor(), torch::kFloat32, adapter);
  const Tensor y = layer.forward(x);
  EXPECT_TRUE(torch::allclose(y, x.matmul((weight + 0.5 * b.mm(a)).t()), 1e-5, 1e-5));
  y.sum().backward();
  EXPECT_TRUE(torch::allclose(b.grad(), 0.5 * x.matmul(a.detach().t()).sum(0).expand({5, 2}), 1e-5, 1e-5));
  EXPECT_FALSE(weight.grad().defined());
  adapter->dropout = [](const Tensor& input) { return torch::zeros_like(input); };
  EXPECT_TRUE(torch::allclose(layer.forward(x), x.matmul(weight.t()), 1e-5, 1e-5));
}

TEST(Embedding, GivesTheRowsOfItsTablePackedOrTrained) {
  torch::manual_seed(7);
  const Tensor table = torch::randn({6, 32});
  const std::vector<int32_t> indices = {5, 0, 5};
  for (const Embedding& embedding : {Embedding(pack(table)), Embedding(table)}) {
    EXPECT_TRUE(torch::equal(embedding.forward(indices), table.index_select(0, torch::tensor({5, 0, 5}))));
    EXPECT_THROW(embedding.forward(std::vector<int32_t>{6}), ShapeError);
    EXPECT_THROW(embedding.forward(std::vector<int32_t>{-1}), ShapeError);
  }
}

}  // namespace
}  // namespace limpid::nn
