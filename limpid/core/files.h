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

/// A file mapped read-only. The bytes live as long as the object (shared by copies of the pointer).
class MappedFile {
 public:
  /// @throws IoError when the file cannot be opened or is not a regular file.
  static std::shared_ptr<const MappedFile> open(const fs::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const fs::path& path() const { return path_; }

 private:
  MappedFile() = default;
  fs::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

std::string read_file(const fs::path& path);  ///< @throws IoError

std::string sha256(std::span<const std::byte> bytes);  ///< lower-case hex
std::string sha256(std::string_view text);
std::string sha256_file(const fs::path& path);

/// Returns ${XDG_CACHE_HOME:-~/.cache}/limpid
fs::path cache_dir();

}  // namespace limpid
