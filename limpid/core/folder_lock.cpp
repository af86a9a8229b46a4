#include "limpid/core/folder_lock.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "limpid/core/error.h"

namespace limpid {

FolderLock::FolderLock(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  LIMPID_CHECK(!error, IoError, folder.string(), ": cannot be created: ", error.message());
  folder_ = Descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  LIMPID_CHECK(folder_, IoError, folder.string(), ": cannot be opened: ", std::strerror(errno));
  LIMPID_CHECK(lock_alone(folder_), IoError, folder.string(),
               ": another run works in this folder; wait until it has ended, or name another folder");
}

}  // namespace limpid
