#include "limpid/methods/steering.h"

#include <algorithm>

namespace limpid {

Site site_of(Tap tap) {
  if (tap == Tap::Heads) return Site::HeadOutputs;
  return tap == Tap::Projection ? Site::AttentionOutput : Site::LayerOutput;
}

SteeringSession::SteeringSession(const Model& target, SteeringParts parts)
    : parts_(std::move(parts)),
      site_(site_of(parts_.tap)) {
  const ModelConfig& config = target.config();
  const int64_t L = config.num_layers,
                D = parts_.tap == Tap::Heads ? config.num_heads * config.head_dim : config.hidden_size;
  LIMPID_CHECK(parts_.directions.dim() == 2 && parts_.directions.size(0) == L && parts_.directions.size(1) == D,
               ShapeError, "[destein] directions are not [", L, ", ", D, "], what this model has at tap ",
               limpid::name(parts_.tap));
  LIMPID_CHECK(parts_.weights.dim() == 2 && parts_.weights.size(0) == L, ShapeError, "[destein] head weights are not [",
               L, ", heads]");
  const int64_t H = parts_.weights.size(1);
  LIMPID_CHECK(H > 0 && H <= int64_t(kernels::kMostSteeredHeads) && D % H == 0, ShapeError, "[destein] ", H,
               " heads do not divide ", D, " numbers, or are more than ", kernels::kMostSteeredHeads);
  for (Tensor* table : {&parts_.lengths, &parts_.thresholds}) {
    if (!table->defined()) continue;
    LIMPID_CHECK(table->sizes() == parts_.weights.sizes(), ShapeError, "[destein] lengths or thresholds are not [", L,
                 ", ", H, "]");
    *table = table->to(torch::kFloat32).contiguous();
  }
  LIMPID_CHECK(parts_.rule != SteeringRule::Constant || parts_.lengths.defined(), ConfigError,
               "[destein] rule constant needs the mean lengths of the activations");
  if (parts_.last_layer < 0) parts_.last_layer = L - 1;
  LIMPID_CHECK(parts_.first_layer >= 0 && parts_.first_layer <= parts_.last_layer && parts_.last_layer < L, ConfigError,
               "[destein] layers ", parts_.first_layer, " to ", parts_.last_layer, " of a model whose layers are 0 to ",
               L - 1);
  const Tensor slices = parts_.directions.to(torch::kFloat64).view({L, H, D / H});
  const Tensor norms = slices.norm(2, -1, true);
  units_ =
      torch::where(norms > 0, slices / norms.clamp_min(1e-300), slices).to(torch::kFloat32).view({L, D}).contiguous();
  parts_.weights = parts_.weights.to(torch::kFloat32).contiguous();
  for (int64_t layer = 0; layer < L; ++layer)
    active_.push_back(
        layer >= parts_.first_layer && layer <= parts_.last_layer &&
        (parts_.rule == SteeringRule::AsReleased || parts_.weights[layer].count_nonzero().item<int64_t>() > 0));
}

Tensor SteeringSession::constant_offsets() const {
  const int64_t L = units_.size(0), D = units_.size(1), H = parts_.weights.size(1);
  const Tensor size = parts_.weights.to(torch::kFloat64) * parts_.lengths.to(torch::kFloat64);
  Tensor offsets = -(units_.to(torch::kFloat64).view({L, H, D / H}) * size.unsqueeze(-1)).view({L, D});
  for (int64_t layer = 0; layer < L; ++layer)
    if (!active_[size_t(layer)]) offsets[layer].zero_();
  return offsets.to(torch::kFloat32);
}

bool SteeringSession::listens(Site site, int64_t layer) const { return site == site_ && active_[size_t(layer)]; }

void SteeringSession::activations(Site, int64_t layer, const Step& step, Tensor& x) {
  x = x.contiguous();
  float* data = x.mutable_data_ptr<float>();
  const int64_t D = x.size(1), H = parts_.weights.size(1);
  rows_.clear();
  strengths_.clear();
  for (size_t r = 0; r < step.rows.size(); ++r) {
    int64_t begin = step.begin(r);
    const int64_t end = step.end(r);
    if (step.reads_prompt(r) && parts_.positions == Positions::Generated) continue;
    if (step.reads_prompt(r) && parts_.positions == Positions::Last) begin = step.is_part ? end : end - 1;
    for (; begin < end; ++begin) {
      rows_.push_back(data + begin * D);
      strengths_.push_back(step.strengths[r]);
    }
  }
  const auto row_of = [&](const Tensor& table) {
    return table.defined() ? table.const_data_ptr<float>() + layer * H : nullptr;
  };
  kernels::steer(parts_.rule,
                 {size_t(H), size_t(D / H), units_.const_data_ptr<float>() + layer * D, row_of(parts_.weights),
                  row_of(parts_.lengths), row_of(parts_.thresholds)},
                 rows_, strengths_);
}

}  // namespace limpid
