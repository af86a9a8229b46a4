#pragma once

#include <filesystem>
#include <string_view>

#include "limpid/core/descriptor.h"

/// The one way in which files are written: whole or not at all.
namespace limpid {

namespace fs = std::filesystem;

/// Writes a file under a temporary name beside its place (part.h) and renames it on commit(); without commit nothing
/// remains, and what was there stays. The new file has the permissions and the owner of the old one. A symbolic link
/// stays, and the file behind it is written. What is no regular file, a pipe, a device, /dev/stdout or /dev/fd/N, is
/// written through: what is written is there at once.
class AtomicFile {
 public:
  /// @throws IoError for a folder, a file that may not be written, a loop of links.
  explicit AtomicFile(fs::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(const void* data, size_t size);                              ///< @throws IoError
  void write(std::string_view text) { write(text.data(), text.size()); }  ///< @throws IoError
  void commit();  ///< flushes file and folder to the disk, and renames. @throws IoError

 private:
  fs::path target_;  // as it was given
  fs::path place_;   // of the file, behind links
  fs::path part_;    // empty: what is written goes through, or has been committed
  Descriptor file_;
};

/// Returns whether a path names what is written through.
bool is_stream(const fs::path& path);

void write_file(const fs::path& path, std::string_view content);  ///< by an AtomicFile; @throws IoError

}  // namespace limpid
