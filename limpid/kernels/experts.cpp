#include "limpid/kernels/experts.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace limpid::kernels {
namespace {

void choose_for_row(const float* scores, size_t experts, size_t count, bool whole, std::vector<char>& taken,
                    Share* shares) {
  taken.assign(experts, false);
  for (size_t c = 0; c < count; ++c) {
    size_t best = experts;
    for (size_t e = 0; e < experts; ++e)
      if (!taken[e] && (best == experts || scores[e] > scores[best])) best = e;
    taken[best] = true;
  }
  const float most = *std::max_element(scores, scores + experts);
  double all = 0, chosen = 0;
  for (size_t e = 0, c = 0; e < experts; ++e) {
    const double weight = std::exp(double(scores[e]) - most);
    all += weight;
    if (!taken[e]) continue;
    chosen += weight;
    shares[c++] = {int32_t(e), float(weight)};
  }
  for (size_t c = 0; c < count; ++c) shares[c].weight = float(shares[c].weight / (whole ? chosen : all));
}

}  // namespace

void choose_experts(const float* scores, size_t rows, size_t experts, size_t count, bool whole, Share* shares) {
  std::vector<char> taken;
  for (size_t r = 0; r < rows; ++r)
    choose_for_row(scores + r * experts, experts, count, whole, taken, shares + r * count);
}

}  // namespace limpid::kernels
