#include "limpid/training/batches.h"

#include <algorithm>
#include <numeric>

#include "limpid/core/random.h"

namespace limpid {
namespace {

constexpr size_t kWindow = 50;  // batches: wide enough for little padding, narrow enough to mix

using Plan = std::vector<std::vector<uint32_t>>;

void cut(std::span<const uint32_t> order, size_t batch, Plan& plan) {
  for (size_t begin = 0; begin < order.size(); begin += batch) {
    const auto part = order.subspan(begin, std::min(batch, order.size() - begin));
    plan.emplace_back(part.begin(), part.end());
  }
}

std::vector<uint32_t> all_indices(size_t count) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0u);
  return order;
}

}  // namespace

Batch make_batch(std::span<const Example> examples, std::span<const uint32_t> chosen) {
  int64_t longest = 0, targets = 0;
  for (uint32_t index : chosen) {
    longest = std::max(longest, int64_t(examples[index].ids.size()));
    targets += examples[index].targets();
  }
  Batch batch;
  batch.ids = torch::zeros({int64_t(chosen.size()), longest}, torch::kInt64);
  batch.positions = torch::empty({targets}, torch::kInt64);
  batch.targets = torch::empty({targets}, torch::kInt64);
  int64_t* ids = batch.ids.data_ptr<int64_t>();
  int64_t *position = batch.positions.data_ptr<int64_t>(), *target = batch.targets.data_ptr<int64_t>();
  for (size_t row = 0; row < chosen.size(); ++row) {
    const Example& example = examples[chosen[row]];
    const int64_t start = int64_t(row) * longest, length = int64_t(example.ids.size());
    std::copy(example.ids.begin(), example.ids.end(), ids + start);
    for (int64_t i = example.first_target(); i < length; ++i) {
      if (example.is_skipped(i)) continue;
      *position++ = start + i - 1;
      *target++ = example.ids[size_t(i)];
    }
    batch.tokens += length;
  }
  return batch;
}

Plan plan_epoch(std::span<const int64_t> lengths, int64_t batch, uint64_t seed, uint64_t epoch) {
  RandomStream random(seed, epoch);
  std::vector<uint32_t> order = all_indices(lengths.size());
  random.shuffle(order);
  const size_t size = size_t(batch), window = kWindow * size;
  for (size_t first = 0; first < order.size(); first += window) {
    const auto begin = order.begin() + ptrdiff_t(first),
               end = order.begin() + ptrdiff_t(std::min(order.size(), first + window));
    std::stable_sort(begin, end, [&](uint32_t a, uint32_t b) { return lengths[a] < lengths[b]; });
  }
  Plan plan;
  cut(order, size, plan);
  random.shuffle(plan);
  return plan;
}

Plan plan_by_length(std::span<const int64_t> lengths, int64_t batch) {
  std::vector<uint32_t> order = all_indices(lengths.size());
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) { return lengths[a] < lengths[b]; });
  Plan plan;
  cut(order, size_t(batch), plan);
  return plan;
}

}  // namespace limpid
