#include "limpid/server/metrics/process.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

namespace limpid::server {
namespace {

double open_files() {
  DIR* folder = opendir("/proc/self/fd");
  if (!folder) return 0;
  int count = -3;  // ".", "..", and the folder itself
  while (readdir(folder)) ++count;
  closedir(folder);
  return count;
}

/// Returns when the process began, in seconds since 1970: ticks since boot, and when that was.
double start_seconds() {
  std::ifstream stat("/proc/self/stat");
  std::string line;
  std::getline(stat, line);
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 2)));
  std::string field;
  for (int i = 3; i <= 22 && fields >> field; ++i) {
  }
  std::ifstream system("/proc/stat");
  for (std::string name; system >> name; std::getline(system, line)) {
    if (name != "btime") continue;
    double boot = 0;
    system >> boot;
    return boot + std::stod("0" + field) / double(sysconf(_SC_CLK_TCK));
  }
  return 0;
}

}  // namespace

ProcessState process_state() {
  static const double start = start_seconds();
  ProcessState state{.open_files = open_files(), .start_seconds = start};
  std::ifstream memory("/proc/self/statm");
  double pages = 0;
  memory >> pages >> pages;
  state.resident_bytes = pages * double(sysconf(_SC_PAGE_SIZE));
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return double(time.tv_sec) + 1e-6 * double(time.tv_usec); };
  state.cpu_seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  return state;
}

}  // namespace limpid::server
