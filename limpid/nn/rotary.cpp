#include "limpid/nn/rotary.h"

#include <cmath>

#include "limpid/checkpoints/rotary_frequencies.h"
#include "limpid/kernels/ops.h"

namespace limpid::nn {

Rotary::Rotary(int64_t rotary_dim, const RopeConfig& rope)
    : inverse_frequency_(rotary_frequencies(rope, rotary_dim)),
      magnitude_(rope.magnitude) {}

RotaryTable Rotary::table(std::span<const int32_t> positions) const {
  const int64_t rows = int64_t(positions.size()), half = int64_t(inverse_frequency_.size());
  RotaryTable table{torch::empty({rows, half}, torch::kFloat32), torch::empty({rows, half}, torch::kFloat32)};
  float *cos = table.cos.mutable_data_ptr<float>(), *sin = table.sin.mutable_data_ptr<float>();
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t i = 0; i < half; ++i) {
      const double angle = double(float(positions[size_t(r)]) * inverse_frequency_[size_t(i)]);
      cos[r * half + i] = float(std::cos(angle) * magnitude_);
      sin[r * half + i] = float(std::sin(angle) * magnitude_);
    }
  }
  return table;
}

Tensor Rotary::apply(Tensor x, int64_t heads, const RotaryTable& table) const {
  const int64_t rows = x.size(0), head_dim = x.size(1) / heads, half = int64_t(inverse_frequency_.size());
  if (half == 0) return x;
  if (at::GradMode::is_enabled() && x.requires_grad()) {
    const Tensor view = x.view({rows, heads, head_dim});
    const Tensor cos = table.cos.unsqueeze(1), sin = table.sin.unsqueeze(1);
    const Tensor a = view.narrow(-1, 0, half), b = view.narrow(-1, half, half);
    std::vector<Tensor> parts{(a * cos - b * sin).to(x.dtype()), (b * cos + a * sin).to(x.dtype())};
    if (2 * half < head_dim) parts.push_back(view.narrow(-1, 2 * half, head_dim - 2 * half));
    return torch::cat(parts, -1).view({rows, heads * head_dim});
  }
  const auto type = x.scalar_type();  // bfloat16 under a frozen layer of a model in training
  x = x.to(torch::kFloat32);
  kernels::rotary(x.mutable_data_ptr<float>(), size_t(rows), size_t(x.stride(0)), size_t(heads), size_t(head_dim),
                  size_t(2 * half), table.cos.const_data_ptr<float>(), table.sin.const_data_ptr<float>());
  return x.to(type);
}

}  // namespace limpid::nn
