#include "limpid/core/staged_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "limpid/core/error.h"
#include "limpid/core/part.h"

namespace limpid {
namespace {

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder)) entries.push_back(entry.path());
  return entries;
}

/// Returns whether a folder that is there can be exchanged for one beside it.
bool can_be_replaced(const fs::path& folder) {
  struct stat own{}, parent{};
  const fs::path beside = folder_of(folder);
  return stat(folder.c_str(), &own) == 0 && stat(beside.c_str(), &parent) == 0 && own.st_dev == parent.st_dev &&
         access(beside.c_str(), W_OK | X_OK) == 0;
}

/// Puts what `from` has and `to` has not into `to` too: the same files, or copies where they cannot have two names.
void keep_others(const fs::path& from, const fs::path& to) {
  constexpr auto kHow = fs::copy_options::recursive | fs::copy_options::copy_symlinks;
  for (const fs::path& entry : entries_of(from)) {
    const fs::path kept = to / entry.filename();
    if (fs::exists(fs::symlink_status(kept))) continue;
    std::error_code error;
    fs::copy(entry, kept, kHow | fs::copy_options::create_hard_links, error);
    if (!error) continue;
    fs::remove_all(kept);
    fs::copy(entry, kept, kHow);
  }
}

}  // namespace

StagedFolder::StagedFolder(fs::path folder, std::string last) : last_(std::move(last)) {
  std::error_code error;
  folder_ = fs::weakly_canonical(folder, error);  // links stay, and the folder behind them is written
  if (error) folder_ = folder;
  if (!folder_.has_filename()) folder_ = folder_.parent_path();  // "out/"
  LIMPID_CHECK(!fs::exists(folder_) || fs::is_directory(folder_), IoError, folder.string(),
               ": is no folder, expected a folder to write");
  const bool inside = fs::exists(folder_) && !can_be_replaced(folder_);
  const fs::path target = inside ? folder_ / "new" : folder_;
  remove_abandoned_parts(target);
  part_ = part_of(target);
  fs::create_directories(part_, error);
  LIMPID_CHECK(!error, IoError, folder.string(), ": cannot be written: ", error.message());
  lock_ = Descriptor(::open(part_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  lock_alone(lock_);
}

StagedFolder::~StagedFolder() {
  std::error_code ignored;
  if (!part_.empty()) fs::remove_all(part_, ignored);
}

void StagedFolder::commit() {
  try {
    const std::vector<fs::path> files = entries_of(part_);
    flush_folder(part_);
    if (!fs::exists(folder_))
      fs::rename(part_, folder_);
    else if (!replace_folder())
      move_in(files);
    flush_folder(folder_of(folder_));
  } catch (const fs::filesystem_error& error) {
    throw IoError(concat(folder_.string(), ": cannot be written: ", error.code().message()));
  }
}

bool StagedFolder::replace_folder() {
  if (!can_be_replaced(folder_)) return false;
  keep_others(folder_, part_);
  struct stat before{};
  if (stat(folder_.c_str(), &before) == 0) chmod(part_.c_str(), before.st_mode & 07777);
  return renameat2(AT_FDCWD, part_.c_str(), AT_FDCWD, folder_.c_str(), RENAME_EXCHANGE) == 0;
}

void StagedFolder::move_in(const std::vector<fs::path>& files) {
  const auto move = [&](const fs::path& file) {
    const fs::path place = folder_ / file.filename();
    if (fs::is_directory(file)) fs::remove_all(place);
    fs::rename(file, place);
  };
  fs::remove(folder_ / last_);
  for (const fs::path& file : files)
    if (file.filename() != last_) move(file);
  move(part_ / last_);
  flush_folder(folder_);
}

}  // namespace limpid
