#pragma once

#include <filesystem>

#include "limpid/core/descriptor.h"

namespace limpid {

/// Held by the one process that works in a folder. Nothing is left of it when the process ends, however it ends.
class FolderLock {
 public:
  /// Locks a folder, which is made where it is not there.
  /// @throws IoError when another process works in it, or it cannot be made.
  explicit FolderLock(const std::filesystem::path& folder);

 private:
  Descriptor folder_;
};

}  // namespace limpid
