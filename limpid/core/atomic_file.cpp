#include "limpid/core/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>

#include "limpid/core/error.h"
#include "limpid/core/parse.h"
#include "limpid/core/part.h"

namespace limpid {
namespace {

constexpr int kMostLinks = 40;  // as the kernel

/// Returns the open descriptor that a path names. It is written as it is: opened again, /dev/stdout would overwrite
/// from its beginning the file that the shell appends to, and a socket cannot be opened at all.
std::optional<int> descriptor_named(const fs::path& path) {
  const std::string text = path.lexically_normal().string();
  if (text == "/dev/stdout") return STDOUT_FILENO;
  if (text == "/dev/stderr") return STDERR_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"})
    if (text.starts_with(folder)) return parse_number<int>(std::string_view(text).substr(folder.size()));
  return std::nullopt;
}

/// What a path leads to.
struct Destination {
  fs::path place;                    ///< behind links
  std::optional<int> descriptor;     ///< that it names
  std::optional<struct stat> there;  ///< nothing: a new file

  bool is_stream() const { return descriptor || (there && !S_ISREG(there->st_mode)); }
};

Destination follow(const fs::path& target) {
  Destination found{target, std::nullopt, std::nullopt};
  struct stat status{};
  for (int links = 0;; ++links) {
    LIMPID_CHECK(links <= kMostLinks, IoError, target.string(), ": cannot be written: its symbolic links form a loop");
    if ((found.descriptor = descriptor_named(found.place))) return found;
    std::error_code no_link;
    const fs::path link = fs::read_symlink(found.place, no_link);
    if (no_link) break;
    if (stat(found.place.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) break;  // /proc/7/fd/1 says "pipe:[12]"
    found.place = link.is_absolute() ? link : folder_of(found.place) / link;
  }
  if (stat(found.place.c_str(), &status) == 0) found.there = status;
  LIMPID_CHECK(found.place.has_filename() && !(found.there && S_ISDIR(status.st_mode)), IoError, target.string(),
               ": is a folder, expected a file to write");
  return found;
}

}  // namespace

AtomicFile::AtomicFile(fs::path target) : target_(std::move(target)) {
  const Destination found = follow(target_);
  if (found.is_stream()) {
    file_ = Descriptor(found.descriptor ? fcntl(*found.descriptor, F_DUPFD_CLOEXEC, 0)
                                        : ::open(found.place.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    LIMPID_CHECK(file_, IoError, target_.string(), ": cannot be written: ", std::strerror(errno));
    return;
  }
  place_ = found.place;
  std::error_code error;
  fs::create_directories(folder_of(place_), error);
  LIMPID_CHECK(!error, IoError, folder_of(place_).string(), ": cannot be created: ", error.message());
  // A rename would replace a file that nobody may write: the folder's permissions count there.
  LIMPID_CHECK(!found.there || faccessat(AT_FDCWD, place_.c_str(), W_OK, AT_EACCESS) == 0, IoError, target_.string(),
               ": cannot be written: ", std::strerror(errno));
  remove_abandoned_parts(place_);
  part_ = part_of(place_);
  const mode_t mode = found.there ? 0600 : 0666;
  file_ = Descriptor(::open(part_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file_) part_.clear();
  LIMPID_CHECK(file_, IoError, target_.string(), ": cannot be written: ", std::strerror(errno));
  lock_alone(file_);
  if (!found.there) return;
  const bool owned = fchown(file_.get(), found.there->st_uid, found.there->st_gid) == 0;  // others need not be allowed
  fchmod(file_.get(), found.there->st_mode & (owned ? 07777 : 0777));
}

AtomicFile::~AtomicFile() {
  if (!part_.empty()) unlink(part_.c_str());
}

void AtomicFile::write(const void* data, size_t size) {
  LIMPID_CHECK(write_all(file_.get(), data, size), IoError, target_.string(), ": write failed: ", std::strerror(errno));
}

void AtomicFile::commit() {
  const bool streamed = part_.empty();
  const bool written =
      streamed ? file_.close() : fsync(file_.get()) == 0 && file_.close() && rename(part_.c_str(), place_.c_str()) == 0;
  LIMPID_CHECK(written, IoError, target_.string(), ": cannot be written: ", std::strerror(errno));
  if (streamed) return;
  part_.clear();
  flush_folder(folder_of(place_));
}

bool is_stream(const fs::path& path) { return follow(path).is_stream(); }

void write_file(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

}  // namespace limpid
