#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

/// Where the tests find what is not in the repository. Absent things are skipped with a sentence, never in silence.
namespace limpid::testing_support {

namespace fs = std::filesystem;

/// Folder `shared` beside the checkout, or $LIMPID_SHARED.
inline fs::path shared_dir() {
  if (const char* given = std::getenv("LIMPID_SHARED")) return given;
  return fs::path(LIMPID_SOURCE_DIR).parent_path() / "shared";
}

/// Golden fixtures: $LIMPID_GOLDEN, else shared/golden.
inline fs::path golden_dir() {
  if (const char* given = std::getenv("LIMPID_GOLDEN")) return given;
  return shared_dir() / "golden";
}

/// Folder into which `limpid models pull NAME` puts a model.
inline fs::path pulled_model_dir(const std::string& name) {
  const char* xdg = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const fs::path cache = xdg && *xdg ? fs::path(xdg) : fs::path(home ? home : ".") / ".cache";
  return cache / "limpid" / "models" / name;
}

/// A fresh folder that is removed when the test ends.
class TempDir {
 public:
  TempDir() {
    std::string pattern = (fs::temp_directory_path() / "limpid-test-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp failed for " + pattern);
    path_ = pattern;
  }
  ~TempDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const fs::path& path() const { return path_; }
  fs::path write(const std::string& name, const std::string& bytes) const {
    const fs::path file = path_ / name;
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary).write(bytes.data(), std::streamsize(bytes.size()));
    return file;
  }

 private:
  fs::path path_;
};

/// Sets a variable of the environment for one test.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old, had_ = true;
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~ScopedVariable() { had_ ? setenv(name_, old_.c_str(), 1) : unsetenv(name_); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* name_;
  std::string old_;
  bool had_ = false;
};

}  // namespace limpid::testing_support

/// Skips the running test with a sentence when `path` is not there.
#define LIMPID_REQUIRE_PATH(needed)      \
  if (std::filesystem::exists(needed)) { \
  } else                                 \
    GTEST_SKIP() << "skipped: " << std::filesystem::path(needed).string() << " is not on this machine"
