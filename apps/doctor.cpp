#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>
#include <vector>

#include "apps/commands/files.h"
#include "apps/threads.h"
#include "limpid/core/files.h"
#include "limpid/core/json.h"
#include "limpid/core/names.h"
#include "limpid/core/version.h"
#include "limpid/kernels/cpu.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::apps {
namespace {

/// Returns the bytes per second that all threads together read from a block far larger than the caches.
double memory_read_speed() {
  constexpr size_t kWords = size_t(256) << 17;  // 256 MiB
  const std::vector<uint64_t> block(kWords, 1);
  const size_t tasks = 64;
  std::vector<uint64_t> sums(tasks);
  double best = 0.0;
  for (int run = 0; run < 3; ++run) {
    const auto start = std::chrono::steady_clock::now();
    kernels::parallel_for(tasks, [&](size_t task) {
      uint64_t sum = 0;
      for (size_t i = task * (kWords / tasks); i < (task + 1) * (kWords / tasks); ++i) sum += block[i];
      sums[task] = sum;
    });
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = std::max(best, double(kWords * 8) / seconds);
  }
  return sums[0] > 0 ? best : 0.0;
}

/// Returns the value of a line of /proc/cpuinfo; empty where there is none.
std::string cpu_info(const std::string& key) {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.rfind(key, 0) == 0 && line.find(": ") != std::string::npos) return line.substr(line.find(": ") + 2);
  return "";
}

/// Lists the instruction sets that the kernels could use.
Json relevant_features() {
  Json features = Json::array();
  std::istringstream flags(cpu_info("flags"));
  for (std::string flag; flags >> flag;)
    for (const char* wanted : {"avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512_bf16", "avx512_vnni", "avx_vnni",
                               "amx_int8", "amx_bf16"})
      if (flag == wanted) features.push_back(flag);
  return features;
}

}  // namespace

int run(const DoctorCommand& options) {
  choose_threads(options.threads);
  Json report = {{"version", version()},
                 {"cpu", cpu_info("model name")},
                 {"features", relevant_features()},
                 {"kernels", kernels::name(kernels::active_isa())},
                 {"hardware_threads", std::thread::hardware_concurrency()},
                 {"usable_processors", usable_processors()},
                 {"threads", kernels::num_threads()},
                 {"memory_read_gb_per_s", memory_read_speed() / 1e9},
                 {"cache", cache_dir().string()},
                 {"models", Json::array()}};
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(cache_dir() / "models", ignored))
    report["models"].push_back(entry.path().filename().string());
  const fs::path engine = fs::read_symlink("/proc/self/exe").parent_path() / "liblimpid_engine.so";
  report["engine"] = fs::exists(engine) ? "built" : "missing";
  if (options.json) {
    std::cout << to_text(report, 1) << '\n';
    return 0;
  }
  for (const auto& [key, value] : report.items()) {
    std::string text = value.is_string() ? value.get<std::string>() : to_text(value);
    if (value.is_array()) text = value.empty() ? "none" : join(value.get<std::vector<std::string>>(), " ");
    if (value.is_number_float()) text = concat(std::round(value.get<double>() * 10) / 10);
    std::cout << key << std::string(22 - std::min<size_t>(21, key.size()), ' ') << text << '\n';
  }
  return 0;
}

}  // namespace limpid::apps
