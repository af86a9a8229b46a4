#pragma once

#include <string>

namespace limpid {

/// Bounds what the steps of a normaliser or a decoder make of a text: a file may hold any number of steps, each of
/// which doubles it.
class GrowthLimit {
 public:
  /// @param size  of the text at first, bytes    @param part  what errors call the steps, "normalizer"
  GrowthLimit(size_t size, const char* part);

  size_t most() const { return most_; }  ///< bytes that may come of the text
  /// @throws FormatError when a text of this size is more than that.
  void check(size_t size) const;
  /// Returns the text with `to` for every `from`. @throws FormatError before it becomes too long.
  std::string replace_all(std::string text, const std::string& from, const std::string& to) const;

 private:
  size_t most_;
  const char* part_;
};

}  // namespace limpid
