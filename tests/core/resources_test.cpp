#include "limpid/core/resources.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "limpid/core/error.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

/// Sets a variable of the environment for one test.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old, had_ = true;
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~ScopedVariable() { had_ ? setenv(name_, old_.c_str(), 1) : unsetenv(name_); }

 private:
  const char* name_;
  std::string old_;
  bool had_ = false;
};

TEST(Resources, AreFoundInTheFolderThatTheEnvironmentNames) {
  testing_support::TempDir dir;
  dir.write("thing.txt", "x");
  const ScopedVariable share("LIMPID_SHARE", dir.path().c_str());
  EXPECT_EQ(find_resource("thing.txt"), dir.path() / "thing.txt");
}

TEST(Resources, AreLookedForBesideTheFolderOfTheProgram) {
  const ScopedVariable share("LIMPID_SHARE", nullptr);
  const fs::path program = fs::read_symlink("/proc/self/exe");
  ASSERT_FALSE(resource_dirs().empty());
  EXPECT_EQ(resource_dirs()[0], program.parent_path().parent_path() / "share" / "limpid");
}

TEST(Resources, NameTheFoldersWhenMissing) {
  testing_support::TempDir dir;
  const ScopedVariable share("LIMPID_SHARE", dir.path().c_str());
  try {
    find_resource("absent.bin");
    FAIL();
  } catch (const IoError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("absent.bin"), std::string::npos);
    EXPECT_NE(message.find(dir.path().string()), std::string::npos);
  }
}

}  // namespace
}  // namespace limpid
