#include "apps/suggestion.h"

#include <algorithm>

namespace limpid::apps {
namespace {

/// Returns the optimal string alignment distance.
size_t slips_between(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> slips(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        slips[i][j] = i + j;
        continue;
      }
      const size_t differs = a[i - 1] != b[j - 1];
      slips[i][j] = std::min({slips[i - 1][j] + 1, slips[i][j - 1] + 1, slips[i - 1][j - 1] + differs});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        slips[i][j] = std::min(slips[i][j], slips[i - 2][j - 2] + 1);
    }
  }
  return slips[a.size()][b.size()];
}

}  // namespace

std::string likely_meant(const std::string& text, const std::vector<std::string>& candidates) {
  std::string best;
  size_t fewest = std::max<size_t>(1, text.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t slips = slips_between(text, candidate);
    if (slips < fewest && slips < candidate.size()) fewest = slips, best = candidate;
  }
  if (!best.empty() || text.size() < 3) return best;
  const auto longer = std::find_if(candidates.begin(), candidates.end(),
                                   [&](const std::string& candidate) { return candidate.starts_with(text); });
  return longer == candidates.end() ? "" : *longer;
}

}  // namespace limpid::apps
