#include "limpid/core/processors.h"

#include <gtest/gtest.h>

#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

constexpr const char* kVersion2 = "30 25 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";

TEST(ProcessorQuota, IsNothingWithoutControlGroupsOrLimits) {
  TempDir root;
  EXPECT_EQ(processor_quota(root.path()), std::nullopt);
  root.write("proc/self/cgroup", "0::/\n");
  root.write("proc/self/mountinfo", kVersion2);
  EXPECT_EQ(processor_quota(root.path()), std::nullopt);
  root.write("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(processor_quota(root.path()), std::nullopt);
}

TEST(ProcessorQuota, IsTheLeastOfTheGroupAndThoseAboveIt) {
  TempDir root;
  root.write("proc/self/cgroup", "0::/user/job\n");
  root.write("proc/self/mountinfo", kVersion2);
  root.write("sys/fs/cgroup/user/job/cpu.max", "350000 100000\n");
  EXPECT_EQ(processor_quota(root.path()), 3.5);
  root.write("sys/fs/cgroup/user/cpu.max", "100000 100000\n");
  EXPECT_EQ(processor_quota(root.path()), 1.0);
  root.write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(processor_quota(root.path()), 0.5);
}

TEST(ProcessorQuota, IsReadFromVersionOneToo) {
  TempDir root;
  root.write("proc/self/cgroup", "5:memory:/other\n4:cpu,cpuacct:/docker/abc\n0::/\n");
  root.write("proc/self/mountinfo",
             "31 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
             "32 25 0:28 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(processor_quota(root.path()), 2.0);
  root.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(processor_quota(root.path()), std::nullopt);
}

TEST(ProcessorQuota, IsNothingWhereTheFilesMakeNoSense) {
  TempDir root;
  root.write("proc/self/cgroup", "nonsense\n0::/a\n::\n");
  root.write("proc/self/mountinfo", std::string("\n1 2 3\n") + kVersion2);
  for (const char* content : {"", "0 100000", "100000 0", "-5 100000", "many 100000", "100000"}) {
    root.write("sys/fs/cgroup/a/cpu.max", content);
    EXPECT_EQ(processor_quota(root.path()), std::nullopt) << content;
  }
}

TEST(UsableProcessors, AreAtLeastOne) { EXPECT_GE(usable_processors(), 1u); }

}  // namespace
}  // namespace limpid
