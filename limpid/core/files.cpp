#include "limpid/core/files.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "limpid/core/error.h"

namespace limpid {

std::shared_ptr<const MappedFile> MappedFile::open(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  LIMPID_CHECK(descriptor >= 0, IoError, path.string(), ": cannot be opened: ", std::strerror(errno));
  struct stat status{};
  const bool regular = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  file->size_ = regular ? size_t(status.st_size) : 0;
  void* address = nullptr;
  if (file->size_ > 0) address = mmap(nullptr, file->size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  const int error = errno;
  close(descriptor);
  LIMPID_CHECK(regular, IoError, path.string(), ": is not a regular file");
  if (address == MAP_FAILED) {
    file->size_ = 0;
    throw IoError(concat(path.string(), ": cannot be mapped: ", std::strerror(error)));
  }
  file->data_ = static_cast<const std::byte*>(address);
  return file;
}

MappedFile::~MappedFile() {
  if (size_ > 0) munmap(const_cast<std::byte*>(data_), size_);
}

std::string read_file(const fs::path& path) {
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::string sha256(std::span<const std::byte> bytes) {
  unsigned char digest[32];
  unsigned int length = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &length, EVP_sha256(), nullptr);
  static const char* hex = "0123456789abcdef";
  std::string text;
  for (unsigned char byte : digest) (text += hex[byte >> 4]) += hex[byte & 15];
  return text;
}

std::string sha256(std::string_view text) { return sha256(std::as_bytes(std::span(text.data(), text.size()))); }

std::string sha256_file(const fs::path& path) { return sha256(MappedFile::open(path)->bytes()); }

fs::path cache_dir() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg) return fs::path(xdg) / "limpid";
  const char* home = std::getenv("HOME");
  return fs::path(home && *home ? home : ".") / ".cache" / "limpid";
}

}  // namespace limpid
