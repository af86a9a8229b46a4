#include "limpid/tokenizers/byte_trie.h"

#include <algorithm>

namespace limpid {

ByteTrie::ByteTrie(std::vector<std::pair<std::string_view, int32_t>> entries) {
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  struct Range {
    size_t begin, end, depth;
  };  // the entries below a node agree in their first `depth` bytes
  std::vector<Range> nodes = {{0, entries.size(), 0}};
  labels_.push_back('\0');
  ids_.push_back(-1);
  for (size_t node = 0; node < nodes.size(); ++node) {
    auto [begin, end, depth] = nodes[node];
    first_child_.push_back(uint32_t(nodes.size()));
    for (; begin < end && entries[begin].first.size() == depth; ++begin)
      if (depth > 0) ids_[node] = entries[begin].second;
    while (begin < end) {
      const char label = entries[begin].first[depth];
      size_t next = begin + 1;
      while (next < end && entries[next].first[depth] == label) ++next;
      nodes.push_back({begin, next, depth + 1});
      labels_.push_back(label);
      ids_.push_back(-1);
      begin = next;
    }
  }
  first_child_.push_back(uint32_t(nodes.size()));
}

}  // namespace limpid
