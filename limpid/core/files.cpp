#include "limpid/core/files.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "limpid/core/error.h"

namespace limpid {

namespace {

/// One mapping, as a signal handler can read it: no lock is taken, and a path is never changed while `begin` is set.
struct Mapping {
  std::atomic<const std::byte*> begin{nullptr};
  size_t size = 0;
  const char* path = nullptr;
};
constexpr size_t kMappings = 1024;  // further ones are mapped and not known here
Mapping mappings[kMappings];
std::mutex changing_mappings;

void remember_mapping(const std::byte* begin, size_t size, const fs::path& path) {
  const std::lock_guard lock(changing_mappings);
  for (Mapping& mapping : mappings) {
    if (mapping.begin.load(std::memory_order_relaxed)) continue;
    mapping.size = size;
    mapping.path = path.c_str();
    mapping.begin.store(begin, std::memory_order_release);
    return;
  }
}

void forget_mapping(const std::byte* begin) {
  const std::lock_guard lock(changing_mappings);
  for (Mapping& mapping : mappings)
    if (mapping.begin.load(std::memory_order_relaxed) == begin) mapping.begin.store(nullptr);
}

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

std::string read_to_end(int descriptor, const fs::path& path) {
  std::string all;
  char part[1 << 16];
  for (;;) {
    const ssize_t size = read(descriptor, part, sizeof part);
    if (size < 0 && errno == EINTR) continue;
    LIMPID_CHECK(size >= 0, IoError, path.string(), ": cannot be read: ", std::strerror(errno));
    if (size == 0) return all;
    all.append(part, size_t(size));
  }
}

bool is_standard_input(const fs::path& path) { return path == "-"; }

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const fs::path& path) {
  // O_NONBLOCK: a pipe that nobody writes to is refused rather than waited for. Regular files do not know it.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  LIMPID_CHECK(descriptor >= 0, IoError, path.string(), ": cannot be opened: ", std::strerror(errno));
  struct stat status{};
  const bool known = fstat(descriptor, &status) == 0, regular = known && S_ISREG(status.st_mode);
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  file->size_ = regular ? size_t(status.st_size) : 0;
  void* address = nullptr;
  if (file->size_ > 0) address = mmap(nullptr, file->size_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  const int error = errno;
  close(descriptor);
  LIMPID_CHECK(regular, IoError, path.string(), ": is ", known ? kind_of(status.st_mode) : "unreadable",
               ", expected a regular file");
  if (address == MAP_FAILED) {
    file->size_ = 0;
    throw IoError(concat(path.string(), ": cannot be mapped: ", std::strerror(error)));
  }
  file->data_ = static_cast<const std::byte*>(address);
  if (file->size_ > 0) remember_mapping(file->data_, file->size_, file->path_);
  return file;
}

std::shared_ptr<const MappedFile> MappedFile::open_text(const fs::path& path) {
  static std::mutex reading;
  static std::map<fs::path, std::shared_ptr<const MappedFile>> already_read;
  struct stat status{};
  const bool stream = is_standard_input(path) ||
                      (stat(path.c_str(), &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)));
  if (!stream) return open(path);
  const std::lock_guard lock(reading);
  std::shared_ptr<const MappedFile>& known = already_read[path];
  if (known) return known;
  const int descriptor = is_standard_input(path) ? dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  LIMPID_CHECK(descriptor >= 0, IoError, path.string(), ": cannot be opened: ", std::strerror(errno));
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->path_ = path;
  try {
    file->read_ = read_to_end(descriptor, path);
  } catch (...) {
    close(descriptor);
    throw;
  }
  close(descriptor);
  file->data_ = reinterpret_cast<const std::byte*>(file->read_.data());
  file->size_ = file->read_.size();
  return known = file;
}

MappedFile::~MappedFile() {
  if (size_ == 0 || !read_.empty()) return;
  forget_mapping(data_);
  munmap(const_cast<std::byte*>(data_), size_);
}

const char* mapped_file_at(const void* address) noexcept {
  for (const Mapping& mapping : mappings) {
    const std::byte* begin = mapping.begin.load(std::memory_order_acquire);
    if (begin && address >= begin && address < begin + mapping.size) return mapping.path;
  }
  return nullptr;
}

std::string read_file(const fs::path& path) { return std::string(MappedFile::open(path)->text()); }

std::string read_text(const fs::path& path) { return std::string(MappedFile::open_text(path)->text()); }

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

std::string sha256_file(const fs::path& path) { return sha256(MappedFile::open_text(path)->bytes()); }

bool stays_below(const fs::path& path) {
  const fs::path normal = path.lexically_normal();
  return !normal.empty() && !normal.has_root_path() && *normal.begin() != "..";
}

fs::path cache_dir() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg) return fs::path(xdg) / "limpid";
  const char* home = std::getenv("HOME");
  return fs::path(home && *home ? home : ".") / ".cache" / "limpid";
}

}  // namespace limpid
