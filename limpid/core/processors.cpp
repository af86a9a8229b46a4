#include "limpid/core/processors.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "limpid/core/parse.h"

namespace limpid {
namespace {

/// A control group's place: where its hierarchy is mounted, and its path below that.
struct GroupPlace {
  fs::path mount, group;
  bool version_2 = false;
};

std::vector<std::string> lines_of(const fs::path& file) {
  std::vector<std::string> lines;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string first_line_of(const fs::path& file) {
  const std::vector<std::string> lines = lines_of(file);
  return lines.empty() ? "" : lines[0];
}

bool lists(const std::string& names, const std::string& name) {
  const std::vector<std::string> parts = split(names, ',');
  return std::find(parts.begin(), parts.end(), name) != parts.end();
}

/// One line of mountinfo: "36 35 0:33 ROOT MOUNT options [tags] - TYPE source super-options".
struct Mount {
  std::string root, place, type, options;
};

Mount parse_mount(const std::string& line) {
  Mount mount;
  std::istringstream words(line);
  std::string word;
  words >> word >> word >> word >> mount.root >> mount.place;
  while (words >> word && word != "-") {
  }
  words >> mount.type >> word >> mount.options;
  return mount;
}

/// Returns the path of a group below its mount, whose root may itself be a group, as in a container.
fs::path below_mount(const std::string& group, const std::string& mount_root) {
  if (mount_root == "/") return fs::path(group).relative_path();
  if (group == mount_root || group.starts_with(mount_root + "/"))
    return fs::path(group.substr(mount_root.size())).relative_path();
  return {};  // the mount shows another part: its root is what there is
}

/// Lists the groups that limit processors. A line of proc/self/cgroup is "ID:CONTROLLERS:GROUP", without controllers
/// for version 2.
std::vector<GroupPlace> groups_of_this_process(const fs::path& root) {
  std::vector<Mount> mounts;
  for (const std::string& line : lines_of(root / "proc/self/mountinfo")) mounts.push_back(parse_mount(line));
  std::vector<GroupPlace> places;
  for (const std::string& line : lines_of(root / "proc/self/cgroup")) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), group = line.substr(second + 1);
    const bool version_2 = controllers.empty();
    if (!version_2 && !lists(controllers, "cpu")) continue;
    for (const Mount& mount : mounts)
      if (version_2 ? mount.type == "cgroup2" : mount.type == "cgroup" && lists(mount.options, "cpu"))
        places.push_back({root / fs::path(mount.place).relative_path(), below_mount(group, mount.root), version_2});
  }
  return places;
}

/// Returns the quota of one folder of a group, in processors.
std::optional<double> quota_in(const fs::path& folder, bool version_2) {
  std::string quota, period;
  if (version_2) {
    std::istringstream words(first_line_of(folder / "cpu.max"));  // "max 100000" where there is none
    words >> quota >> period;
  } else {
    quota = first_line_of(folder / "cpu.cfs_quota_us");  // -1 where there is none
    period = first_line_of(folder / "cpu.cfs_period_us");
  }
  const auto time = parse_number<double>(quota), of = parse_number<double>(period);
  if (!time || !of || *time <= 0.0 || *of <= 0.0) return std::nullopt;
  return *time / *of;
}

size_t processors_of_affinity() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return size_t(std::max(1, CPU_COUNT(&set)));
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

std::optional<double> processor_quota(const fs::path& root) {
  std::optional<double> least;
  for (const GroupPlace& place : groups_of_this_process(root)) {
    fs::path group = place.group;
    for (;; group = group.parent_path()) {
      if (const auto quota = quota_in(place.mount / group, place.version_2))
        least = std::min(least.value_or(*quota), *quota);
      if (group.empty()) break;
    }
  }
  return least;
}

size_t usable_processors() {
  const size_t processors = processors_of_affinity();
  const auto quota = processor_quota();
  return quota ? std::clamp<size_t>(size_t(*quota), 1, processors) : processors;
}

}  // namespace limpid
