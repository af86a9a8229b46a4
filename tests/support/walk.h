#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/fixtures.h"

/// Tests that walk a folder check what they find there, whatever it is called, and say what they passed over and why.
namespace limpid::testing_support {

/// Ends the check of one item that cannot be checked here, with the reason.
struct Skipped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Runs a check on one item after the other and counts. An exception is that item's failure; the others still run.
class Walk {
 public:
  template <class Check>
  void visit(const std::string& item, Check check) {
    SCOPED_TRACE(item);
    try {
      check();
      ++checked_;
    } catch (const Skipped& why) {
      ++skipped_;
      std::cout << "skipped: " << item << ": " << why.what() << "\n";
    } catch (const std::exception& error) {
      ++checked_;
      ADD_FAILURE() << item << ": " << error.what();
    }
  }
  size_t checked() const { return checked_; }

  /// Prints the counts; a walk that checked nothing marks the running test as skipped.
  void finish(const std::string& where) const {
    std::cout << where << ": " << checked_ << " checked, " << skipped_ << " skipped\n";
    if (checked_ == 0) GTEST_SKIP() << "skipped: " << where << " holds nothing that can be checked here";
  }

 private:
  size_t checked_ = 0, skipped_ = 0;
};

/// The entries of a folder in the order of their names; none when it is not there.
inline std::vector<fs::path> sorted_entries(const fs::path& parent) {
  std::vector<fs::path> entries;
  if (fs::is_directory(parent))
    for (const auto& entry : fs::directory_iterator(parent)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

inline std::vector<fs::path> sorted_folders(const fs::path& parent) {
  std::vector<fs::path> folders = sorted_entries(parent);
  std::erase_if(folders, [](const fs::path& path) { return !fs::is_directory(path); });
  return folders;
}

/// Runs `check` on the folders of golden/PART, for each part, that hold a file `file`; skips the test when there is
/// none.
template <class Check>
void for_each_golden_folder(const std::vector<std::string>& parts, const std::string& file, Check check) {
  Walk walk;
  for (const std::string& part : parts)
    for (const fs::path& folder : sorted_folders(golden_dir() / part))
      if (fs::exists(folder / file)) walk.visit(folder.filename().string(), [&] { check(folder); });
  walk.finish("golden folders with " + file);
}

}  // namespace limpid::testing_support
