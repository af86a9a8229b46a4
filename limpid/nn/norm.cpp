#include "limpid/nn/norm.h"

#include "limpid/kernels/ops.h"

namespace limpid::nn {
namespace {

bool under_autograd(const Tensor& x, const Tensor& weight) {
  return at::GradMode::is_enabled() && (x.requires_grad() || (weight.defined() && weight.requires_grad()));
}

}  // namespace

Tensor RmsNorm::forward(const Tensor& x) const {
  if (under_autograd(x, weight_)) {
    const Tensor wide = x.to(torch::kFloat32);
    const Tensor scaled = wide * torch::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + eps_);
    return scaled * (offset_ == 0.0 ? weight_ : weight_ + offset_);
  }
  const Tensor rows = x.to(torch::kFloat32).contiguous();
  Tensor y = torch::empty_like(rows);
  const int64_t n = rows.size(-1);
  kernels::rms_norm(rows.const_data_ptr<float>(), weight_.const_data_ptr<float>(), y.mutable_data_ptr<float>(),
                    size_t(rows.numel() / n), size_t(n), float(eps_), float(offset_));
  return y;
}

Tensor RmsNorm::forward_heads(const Tensor& x) const {
  return forward(x.view({-1, weight_.size(0)})).view(x.sizes()).to(x.dtype());
}

Tensor LayerNorm::forward(const Tensor& x) const {
  if (under_autograd(x, weight_)) return torch::layer_norm(x.to(torch::kFloat32), {x.size(-1)}, weight_, bias_, eps_);
  const Tensor rows = x.to(torch::kFloat32).contiguous();
  Tensor y = torch::empty_like(rows);
  const int64_t n = rows.size(-1);
  kernels::layer_norm(rows.const_data_ptr<float>(), weight_.defined() ? weight_.const_data_ptr<float>() : nullptr,
                      bias_.defined() ? bias_.const_data_ptr<float>() : nullptr, y.mutable_data_ptr<float>(),
                      size_t(rows.numel() / n), size_t(n), float(eps_));
  return y;
}

}  // namespace limpid::nn
