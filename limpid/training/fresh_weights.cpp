#include "limpid/training/fresh_weights.h"

#include <cmath>

#include "limpid/core/random.h"
#include "limpid/training/named_stream.h"

namespace limpid {

std::function<torch::Tensor(const std::string&, torch::IntArrayRef)> fresh_weights(const ModelConfig& config,
                                                                                   uint64_t seed) {
  const double residual = 0.02 / std::sqrt(2.0 * double(config.num_layers));
  const double norm = config.architecture == "gemma3" ? 0.0 : 1.0;
  return [=](const std::string& name, torch::IntArrayRef shape) {
    if (shape.size() == 1) return torch::full(shape, name.ends_with(".bias") ? 0.0 : norm, torch::kFloat32);
    const bool writes =
        name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight") || name.ends_with("c_proj.weight");
    torch::Tensor values = torch::empty(shape, torch::kFloat32);
    RandomStream random = named_stream(seed, name);
    float* data = values.data_ptr<float>();
    for (int64_t i = 0; i < values.numel(); ++i) data[i] = float((writes ? residual : 0.02) * random.next_normal());
    return values;
  };
}

}  // namespace limpid
