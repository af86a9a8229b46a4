#include "limpid/core/part.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>

#include "limpid/core/descriptor.h"
#include "limpid/core/error.h"
#include "limpid/core/parse.h"

namespace limpid {
namespace {

constexpr std::string_view kEnding = ".part";

/// Returns the process that writes a part of `target`; nothing for other names.
std::optional<pid_t> writer_of(const std::string& name, const std::string& target) {
  if (!name.starts_with(target + ".") || !name.ends_with(kEnding)) return std::nullopt;
  const size_t begin = target.size() + 1;
  if (name.size() < begin + kEnding.size()) return std::nullopt;
  return parse_number<pid_t>(std::string_view(name).substr(begin, name.size() - begin - kEnding.size()));
}

/// Returns whether nobody writes a part any more. The lock tells of processes that cannot be seen from here: those of
/// another container or machine.
bool is_abandoned(const fs::path& part, pid_t writer) {
  if (writer != getpid() && (kill(writer, 0) == 0 || errno != ESRCH)) return false;
  const Descriptor file(::open(part.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  return file && lock_alone(file);
}

}  // namespace

fs::path part_of(const fs::path& target) {
  fs::path part = target;
  part += concat(".", getpid(), kEnding);
  return part;
}

void remove_abandoned_parts(const fs::path& target) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder_of(target), ignored))
    if (const auto writer = writer_of(entry.path().filename().string(), target.filename().string());
        writer && is_abandoned(entry.path(), *writer))
      fs::remove_all(entry.path(), ignored);
}

void flush_folder(const fs::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened || fsync(opened.get()) == 0) return;  // what cannot be read cannot be flushed either
  const bool possible = errno != EINVAL && errno != ENOTSUP && errno != EROFS;
  LIMPID_CHECK(!possible, IoError, folder.string(),
               ": what was written is there, but cannot be flushed to the disk: ", std::strerror(errno));
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

}  // namespace limpid
