#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "limpid/core/descriptor.h"

namespace limpid {

/// A file of whole lines that grows and survives a crash, Ctrl-C and a full disk. One process writes it at a time.
class LineLog {
 public:
  LineLog() = default;
  /// Opens the file, made where it is not there, and locks it. @throws IoError when another process writes it.
  explicit LineLog(std::filesystem::path path);

  /// Returns the whole lines. What stands behind the last of them was cut off by a crash: it is not among them, and
  /// goes with cut(), once what was read has been understood.
  std::string read();
  void cut();                                                ///< @throws IoError
  void clear();                                              ///< removes all lines. @throws IoError
  uint64_t dropped_bytes() const { return dropped_bytes_; }  ///< behind the last whole line, when read

  /// Writes one line, its newline added; on return it is with the operating system, so that a crash of this process
  /// keeps it. @throws IoError, leaving whole lines only.
  void append(std::string_view line);

  uint64_t size() const { return size_; }  ///< of the whole lines, bytes; known once they were read
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  Descriptor file_;
  uint64_t size_ = 0, dropped_bytes_ = 0;
};

}  // namespace limpid
