#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "limpid/core/atomic_file.h"

/// Files: mapped for reading, written (atomic_file.h), hashed.
namespace limpid {

namespace fs = std::filesystem;

/// A file mapped read-only. The bytes live as long as the object (shared by copies of the pointer). A file that another
/// process cuts meanwhile raises SIGBUS where its lost bytes are read; mapped_file_at() tells the handler which it is.
class MappedFile {
 public:
  /// @throws IoError when the file cannot be opened or is not a regular file: nothing waits for a pipe.
  static std::shared_ptr<const MappedFile> open(const fs::path& path);
  /// Opens what is read as text: a regular file as above; a pipe, a device or "-" (standard input) is read to its end,
  /// once, and whoever opens it again in this process is given the same bytes.
  static std::shared_ptr<const MappedFile> open_text(const fs::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  const fs::path& path() const { return path_; }

 private:
  MappedFile() = default;
  fs::path path_;
  std::string read_;  ///< of what cannot be mapped
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

/// Returns the path of the mapped file that an address lies in, null where it lies in none. A signal handler may call
/// it.
const char* mapped_file_at(const void* address) noexcept;

std::string read_file(const fs::path& path);  ///< @throws IoError, also for what is not a regular file
std::string read_text(const fs::path& path);  ///< reads as MappedFile::open_text(); @throws IoError

std::string sha256(std::span<const std::byte> bytes);  ///< lower-case hex
std::string sha256(std::string_view text);
std::string sha256_file(const fs::path& path);  ///< opens as MappedFile::open_text()

/// Returns whether a path is relative and stays below the folder that it begins in.
bool stays_below(const fs::path& path);

/// Returns ${XDG_CACHE_HOME:-~/.cache}/limpid
fs::path cache_dir();

}  // namespace limpid
