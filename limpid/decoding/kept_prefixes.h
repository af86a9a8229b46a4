#pragma once

#include <list>

#include "limpid/decoding/readings.h"

namespace limpid {

/// Beginnings of prompts that were read, for requests of the same owner at the same strengths: nobody learns from the
/// time that a prompt takes what another one asked. Whole pages are kept, and shared with the rows that go on from
/// them.
class KeptPrefixes {
 public:
  /// Lets a row of which nothing is read begin with the longest kept beginning of its prompt; its last token stays
  /// unread.
  void resume(ActiveRow& row);
  /// Keeps the whole pages of a prompt that has been read, in place of those that they continue.
  void keep(const ActiveRow& prompt);
  /// Gives back what was used longest ago. Returns false when there is nothing.
  bool drop_oldest();
  size_t bytes() const;  ///< of the pages that are kept, each once

 private:
  struct Prefix {
    std::string owner;
    std::vector<float> strengths;
    TokenIds ids;  // those that the cache holds
    nn::KvCache cache;
  };
  bool may_use(const Prefix& prefix, const Request& request) const;

  std::list<Prefix> prefixes_;  // those used last in front
};

}  // namespace limpid
