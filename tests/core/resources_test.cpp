#include "limpid/core/resources.h"

#include <gtest/gtest.h>

#include "limpid/core/error.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::ScopedVariable;

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
