#pragma once

#include <filesystem>

/// Names of what is still being written: NAME.PID.part, beside NAME.
namespace limpid {

namespace fs = std::filesystem;

/// Returns the place where this process writes what will be `target`.
fs::path part_of(const fs::path& target);

/// Removes the parts of `target`, files and folders, that processes left which no longer live.
void remove_abandoned_parts(const fs::path& target);

/// Flushes the names in a folder to the disk, so that a power cut does not undo a rename. @throws IoError
void flush_folder(const fs::path& folder);

/// Returns the folder that a path lies in; "." for a mere name.
fs::path folder_of(const fs::path& path);

}  // namespace limpid
