#include "limpid/nn/alibi.h"

#include <bit>
#include <cmath>

namespace limpid::nn {

torch::Tensor alibi_bias(int64_t heads, int64_t positions, double most, torch::ScalarType round) {
  const auto power = int64_t(std::bit_ceil(uint64_t(heads)));
  std::vector<float> slopes;
  const auto add = [&](int64_t first) {
    for (int64_t i = first; i <= power && int64_t(slopes.size()) < heads; i += 2)
      slopes.push_back(float(std::exp2(-most * double(i) / double(power))));
  };
  if (power == heads) {
    for (int64_t i = 1; i <= power; ++i) slopes.push_back(float(std::exp2(-most * double(i) / double(power))));
  } else {
    add(2);
    add(1);
  }
  const int64_t padded = (positions + 15) / 16 * 16;
  const auto slope = torch::tensor(slopes).to(round).to(torch::kFloat32);
  return torch::outer(slope, torch::arange(padded, torch::kFloat32)).to(round).to(torch::kFloat32).contiguous();
}

}  // namespace limpid::nn
