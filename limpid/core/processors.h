#pragma once

#include <cstddef>
#include <optional>

#include "limpid/core/files.h"

/// How many processors this process may use.
namespace limpid {

/// Returns the processors' worth of time that the control groups of this process allow, which may be 0.5: the least of
/// its own group and those above it, cpu.max in version 2, cpu.cfs_quota_us and cpu.cfs_period_us in version 1. Nothing
/// where no group has a limit.
/// @param root  of the file system in which proc/self/cgroup, proc/self/mountinfo and what they name are looked up
std::optional<double> processor_quota(const fs::path& root = "/");

/// Returns the processors that this process may run on at once: those of its affinity, at most the whole ones that the
/// quota pays for (threads beyond it are throttled while others wait for them), at least 1.
size_t usable_processors();

}  // namespace limpid
