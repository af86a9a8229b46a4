#include "limpid/core/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace limpid {
namespace {

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("limpid", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%^%v%$");
    return made;
  }();
  return *instance;
}

bool quiet_ = false;
volatile std::sig_atomic_t interrupts_ = 0;

void on_interrupt(int) {
  interrupts_ = interrupts_ + 1;
  if (interrupts_ > 1) _exit(130);
}

}  // namespace

void log_info(const std::string& message) {
  if (!quiet_) logger().info(message);
}
void log_warning(const std::string& message) { logger().warn("warning: {}", message); }
void set_quiet(bool quiet) { quiet_ = quiet; }

Progress::Progress(std::string what, uint64_t total, std::string unit)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      start_(std::chrono::steady_clock::now()),
      shown_(start_ - std::chrono::hours(1)),
      terminal_(isatty(STDERR_FILENO)) {}

Progress::~Progress() {
  if (open_ && terminal_ && !quiet_ && first_ != UINT64_MAX) std::fputc('\n', stderr);
}

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Progress::update(uint64_t done, const std::string& detail) {
  if (first_ == UINT64_MAX) first_ = done;  // work that a resumed run found finished does not count towards the speed
  done_ = done;
  const double since = std::chrono::duration<double>(std::chrono::steady_clock::now() - shown_).count();
  if (since >= (terminal_ ? 0.2 : 10.0)) show(detail, false);
}

void Progress::finish(const std::string& detail) {
  if (!open_) return;
  show(detail, true);
  open_ = false;
}

void Progress::show(const std::string& detail, bool last) {
  shown_ = std::chrono::steady_clock::now();
  if (quiet_) return;
  const double elapsed = seconds();
  const uint64_t fresh = done_ - (first_ == UINT64_MAX ? done_ : first_);
  std::string line = concat(what_, ": ", thousands(done_), "/", thousands(total_), " ", unit_);
  if (!detail.empty()) line += ", " + detail;
  if (last) {
    line += ", took " + human_duration(elapsed);
  } else if (fresh > 0 && done_ < total_) {
    line += ", " + human_duration(elapsed / double(fresh) * double(total_ - done_)) + " left";
  }
  if (terminal_) {
    std::fprintf(stderr, "\r\033[K%s%s", line.c_str(), last ? "\n" : "");
    std::fflush(stderr);
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
}

std::string human_duration(double seconds) {
  char text[48];
  const long whole = long(seconds + 0.5);
  if (seconds < 9.95)
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  else if (whole < 120)
    std::snprintf(text, sizeof text, "%ld s", whole);
  else if (whole < 7200)
    std::snprintf(text, sizeof text, "%ld min %02ld s", whole / 60, whole % 60);
  else
    std::snprintf(text, sizeof text, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
  return text;
}

std::string thousands(uint64_t value) {
  std::string text = std::to_string(value);
  for (int64_t at = int64_t(text.size()) - 3; at > 0; at -= 3) text.insert(size_t(at), ",");
  return text;
}

void install_interrupt_handler() { std::signal(SIGINT, on_interrupt); }
bool interrupted() { return interrupts_ > 0; }
void throw_if_interrupted() {
  if (interrupted()) throw Interrupted("interrupted; finished work is kept");
}

}  // namespace limpid
