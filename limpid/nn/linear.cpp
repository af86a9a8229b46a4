#include "limpid/nn/linear.h"

#include "limpid/core/error.h"

namespace limpid::nn {

Linear::Linear(std::shared_ptr<const PackedMatrix> weight, Tensor bias, Precision precision)
    : packed_(std::move(weight)),
      bias_(std::move(bias)),
      precision_(precision) {}

Linear::Linear(Tensor weight, Tensor bias, torch::ScalarType compute, std::shared_ptr<const LowRank> adapter)
    : weight_(std::move(weight)),
      bias_(std::move(bias)),
      compute_(compute),
      adapter_(std::move(adapter)) {}

Tensor LowRank::forward(const Tensor& x) const {
  const Tensor inner = torch::linear(dropout ? dropout(x) : x, a.to(x.scalar_type()));
  return torch::linear(inner, b.to(x.scalar_type())).mul(scale);
}

int64_t Linear::out() const { return packed_ ? int64_t(packed_->out()) : weight_.size(0); }

Tensor Linear::forward(const Tensor& x) const {
  if (!packed_) {
    const Tensor input = x.to(compute_);
    const Tensor y = torch::linear(input, weight_.to(compute_), bias_.defined() ? bias_.to(compute_) : Tensor());
    return adapter_ ? y + adapter_->forward(input) : y;
  }
  Tensor y = torch::empty({x.size(0), out()}, torch::kFloat32);
  kernels::linear(*packed_, x.const_data_ptr<float>(), size_t(x.size(0)), size_t(x.stride(0)),
                  bias_.defined() ? bias_.const_data_ptr<float>() : nullptr, y.mutable_data_ptr<float>(), size_t(out()),
                  precision_);
  return y;
}

Tensor Linear::forward(const Tensor& x, std::span<const std::vector<int32_t>> wanted) const {
  if (!packed_) return forward(x);
  Tensor y = torch::empty({x.size(0), out()}, torch::kFloat32);
  kernels::linear_some(*packed_, x.const_data_ptr<float>(), size_t(x.size(0)), size_t(x.stride(0)),
                       bias_.defined() ? bias_.const_data_ptr<float>() : nullptr, wanted, y.mutable_data_ptr<float>(),
                       size_t(out()), precision_);
  return y;
}

std::vector<Tensor> forward_many(std::span<const Linear* const> layers, const Tensor& x) {
  std::vector<Tensor> results;
  const Linear& first = *layers.front();
  if (first.trainable()) {
    for (const Linear* layer : layers) results.push_back(layer->forward(x));
    return results;
  }
  std::vector<kernels::LinearOutput> outputs;
  for (const Linear* layer : layers) {
    results.push_back(torch::empty({x.size(0), layer->out()}, torch::kFloat32));
    outputs.push_back({layer->packed().get(), layer->bias().defined() ? layer->bias().const_data_ptr<float>() : nullptr,
                       results.back().mutable_data_ptr<float>(), size_t(layer->out())});
  }
  kernels::linear_many(outputs.data(), outputs.size(), x.const_data_ptr<float>(), size_t(x.size(0)),
                       size_t(x.stride(0)), first.precision());
  return results;
}

Tensor Embedding::forward(std::span<const int32_t> indices) const {
  const int64_t rows = packed_ ? int64_t(packed_->out()) : table_.size(0);
  for (int32_t index : indices)
    LIMPID_CHECK(index >= 0 && index < rows, ShapeError, "[embedding] index ", index, " is outside the table of ", rows,
                 " rows");
  if (!packed_) {
    return forward(torch::tensor(at::ArrayRef<int32_t>(indices.data(), indices.size())).to(torch::kInt64));
  }
  Tensor y = torch::empty({int64_t(indices.size()), int64_t(packed_->in())}, torch::kFloat32);
  for (size_t i = 0; i < indices.size(); ++i)
    packed_->row(size_t(indices[i]), y.mutable_data_ptr<float>() + i * packed_->in());
  return y;
}

}  // namespace limpid::nn
