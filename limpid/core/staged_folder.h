#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "limpid/core/descriptor.h"

namespace limpid {

namespace fs = std::filesystem;

/// A folder that is written anew: whole, or it stays as it was. Files are written into path(), a part (part.h) beside
/// the folder; commit() puts it in the folder's place in one step. Other files of a folder that was there are kept.
///
/// A folder that cannot be replaced (a mount point, a parent that we may not write, a file system that cannot exchange
/// folders) gets its files one by one, and `last` last: until then it has no `last`, so that nobody takes it for whole.
class StagedFolder {
 public:
  /// @param last  name of the file without which the folder is none of its kind, "config.json"
  /// @throws IoError when nothing can be written there.
  StagedFolder(fs::path folder, std::string last);
  ~StagedFolder();
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;
  const fs::path& path() const { return part_; }
  void commit();  ///< @throws IoError

 private:
  bool replace_folder();
  void move_in(const std::vector<fs::path>& files);

  fs::path folder_, part_;
  std::string last_;
  Descriptor lock_;
};

}  // namespace limpid
