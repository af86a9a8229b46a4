#include "limpid/kernels/low_rank.h"

#include <vector>

#include "limpid/kernels/thread_pool.h"

namespace limpid::kernels {
namespace {

constexpr size_t kProductsWorthSharing = 65'536;  // fewer are done sooner than another thread wakes up

/// Returns a b as eight partial sums, always added in the same order.
double lane_dot(const float* a, const float* b, size_t count) {
  double sums[8] = {};
  size_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (size_t lane = 0; lane < 8; ++lane) sums[lane] += double(a[i + lane]) * double(b[i + lane]);
  for (size_t lane = 0; i < count; ++i, ++lane) sums[lane] += double(a[i]) * double(b[i]);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

void add_to_token(const LowRankChange& change, const LowRankToken& token) {
  const float *down = change.down, *up = change.up, *input = token.x;
  std::vector<float> product;
  if (change.reads_product) {
    product.assign(token.y, token.y + change.out);
    for (size_t i = 0; change.bias && i < change.out; ++i) product[i] -= change.bias[i];
    input = product.data();
  }
  for (size_t j = 0; j < change.rank; ++j, down += change.width, up += change.changed) {
    const float amount = float(double(token.strength) * lane_dot(input, down, change.width));
    if (change.rows) {
      for (size_t i = 0; i < change.changed; ++i) token.y[change.rows[i]] += amount * up[i];
    } else {
      for (size_t i = 0; i < change.out; ++i) token.y[i] += amount * up[i];
    }
  }
}

}  // namespace

void add_low_rank(const LowRankChange& change, std::span<const LowRankToken> tokens) {
  const size_t products = tokens.size() * change.rank * (change.width + change.changed);
  if (products < kProductsWorthSharing) {
    for (const LowRankToken& token : tokens) add_to_token(change, token);
  } else {
    parallel_for(tokens.size(), [&](size_t t) { add_to_token(change, tokens[t]); });
  }
}

void add_low_rank_plain(const LowRankChange& change, const LowRankToken& token) {
  std::vector<double> input(change.width), result(token.y, token.y + change.out);
  for (size_t i = 0; i < change.width; ++i)
    input[i] = change.reads_product ? result[i] - (change.bias ? double(change.bias[i]) : 0.0) : double(token.x[i]);
  for (size_t j = 0; j < change.rank; ++j) {
    double dot = 0.0;
    for (size_t i = 0; i < change.width; ++i) dot += double(change.down[j * change.width + i]) * input[i];
    for (size_t i = 0; i < change.changed; ++i)
      result[change.rows ? size_t(change.rows[i]) : i] +=
          double(token.strength) * dot * double(change.up[j * change.changed + i]);
  }
  for (size_t i = 0; i < change.out; ++i) token.y[i] = float(result[i]);
}

}  // namespace limpid::kernels
