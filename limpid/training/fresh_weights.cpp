#include "limpid/training/fresh_weights.h"

#include <cmath>

#include "limpid/checkpoints/tensor_names.h"
#include "limpid/core/random.h"
#include "limpid/training/named_stream.h"

namespace limpid {

std::function<torch::Tensor(const std::string&, torch::IntArrayRef)> fresh_weights(const ModelConfig& config,
                                                                                   uint64_t seed) {
  const double residual = 0.02 / std::sqrt(2.0 * double(config.num_layers));
  const Family& family = family_of(config);
  const double norm = 1.0 - family.norm_offset;
  return [=, &family](const std::string& name, torch::IntArrayRef shape) {
    if (shape.size() == 1) return torch::full(shape, name.ends_with(".bias") ? 0.0 : norm, torch::kFloat32);
    const auto layer = find_projection(family, name);
    const bool writes =
        layer && (layer->projection == Projection::AttentionOutput || layer->projection == Projection::MlpDown);
    torch::Tensor values = torch::empty(shape, torch::kFloat32);
    RandomStream random = named_stream(seed, name);
    float* data = values.data_ptr<float>();
    for (int64_t i = 0; i < values.numel(); ++i) data[i] = float((writes ? residual : 0.02) * random.next_normal());
    return values;
  };
}

}  // namespace limpid
