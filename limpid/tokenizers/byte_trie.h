#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace limpid {

/// Strings to ids, found for every prefix of a text in one walk. The children of a node lie side by side, by label.
class ByteTrie {
 public:
  /// Of equal strings the last counts; empty ones are left out. The views are only read here.
  explicit ByteTrie(std::vector<std::pair<std::string_view, int32_t>> entries);

  /// Calls visit(length, id) for each string that `text` begins with, the shortest first.
  template <class Visit>
  void for_each_prefix(std::string_view text, const Visit& visit) const {
    size_t node = 0;
    for (size_t depth = 0; depth < text.size(); ++depth) {
      const char* children = labels_.data() + first_child_[node];
      const void* child = std::memchr(children, text[depth], first_child_[node + 1] - first_child_[node]);
      if (!child) return;
      node = size_t(static_cast<const char*>(child) - labels_.data());
      if (ids_[node] >= 0) visit(depth + 1, ids_[node]);
    }
  }

 private:
  std::vector<uint32_t> first_child_;  // the children of node n are first_child_[n] to first_child_[n + 1]
  std::string labels_;                 // by node; the root's means nothing
  std::vector<int32_t> ids_;           // by node, -1 where no string ends
};

}  // namespace limpid
