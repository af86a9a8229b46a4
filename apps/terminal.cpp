#include "apps/terminal.h"

#include <poll.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include "limpid/core/number_text.h"

namespace limpid::apps {
namespace {

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("limpid", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_pattern("%^%v%$");
    return made;
  }();
  return *instance;
}

volatile std::sig_atomic_t signal_ = 0;  // that asked us to stop; 0: none
volatile std::sig_atomic_t twice_ends_ = 1;

void on_signal(int number) {
  if (signal_ != 0 && twice_ends_) _exit(128 + number);
  signal_ = number;
}

std::string progress_line(const WorkState& state) {
  std::string line = concat(state.what, ": ", thousands(state.done), "/", thousands(state.total), " ", state.unit);
  if (!state.detail.empty()) line += ", " + state.detail;
  if (state.finished) return line + ", took " + human_duration(state.seconds);
  if (state.fresh == 0 || state.done >= state.total) return line;
  return line + ", " + human_duration(state.seconds / double(state.fresh) * double(state.total - state.done)) + " left";
}

/// Returns what comes next on standard input; empty at its end. @throws Interrupted when Ctrl-C ends the wait for it.
std::string read_part() {
  for (;;) {
    pollfd ready{STDIN_FILENO, POLLIN, 0};
    const int polled = poll(&ready, 1, -1);  // a signal ends it; it would not end read()
    terminal().throw_if_stopped();
    if (polled < 0 && errno == EINTR) continue;
    char part[1 << 16];
    const ssize_t size = read(STDIN_FILENO, part, sizeof part);
    LIMPID_CHECK(size >= 0, IoError, "standard input cannot be read: ", std::strerror(errno));
    return std::string(part, size_t(size));
  }
}

}  // namespace

Terminal::Terminal() : renews_(isatty(STDERR_FILENO)) {}
Terminal::~Terminal() { end_line(); }

void Terminal::progress(const WorkState& state) {
  if (quiet_) return;
  const auto now = std::chrono::steady_clock::now();
  const bool is_new = state.what != shown_what_;
  if (!state.finished && !is_new && std::chrono::duration<double>(now - shown_).count() < (renews_ ? 0.2 : 10.0))
    return;
  shown_ = now;
  shown_what_ = state.finished ? "" : state.what;
  const std::string line = progress_line(state);
  if (renews_) {
    std::fprintf(stderr, "\r\033[K%s%s", line.c_str(), state.finished ? "\n" : "");
    std::fflush(stderr);
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  line_open_ = renews_ && !state.finished;
}

void Terminal::info(const std::string& message) {
  if (quiet_) return;
  end_line();
  logger().info(message);
}

void Terminal::warning(const std::string& message) {
  end_line();
  logger().warn("warning: {}", message);
}

bool Terminal::stop() { return signal_ != 0; }

void Terminal::catch_interrupts(bool twice_ends) {
  twice_ends_ = twice_ends;
  for (const int number : {SIGINT, SIGTERM, SIGHUP})
    if (std::signal(number, on_signal) == SIG_IGN && number == SIGHUP) std::signal(number, SIG_IGN);  // nohup
}

bool Terminal::forget_interrupt() {
  if (signal_ != SIGINT) return false;
  signal_ = 0;
  return true;
}

int Terminal::stopped_code() { return 128 + (signal_ != 0 ? int(signal_) : SIGINT); }

void Terminal::end_line() {
  if (line_open_) std::fputc('\n', stderr);
  line_open_ = false;
}

Terminal& terminal() {
  static Terminal instance;
  return instance;
}

std::optional<std::string> StandardLines::next() {
  for (;;) {
    const size_t end = waiting_.find('\n');
    if (end != std::string::npos) {
      std::string line = waiting_.substr(0, end);
      waiting_.erase(0, end + 1);
      return line;
    }
    if (ended_) return waiting_.empty() ? std::nullopt : std::optional(std::exchange(waiting_, {}));
    const std::string part = read_part();
    ended_ = part.empty();
    waiting_ += part;
  }
}

std::string read_standard_input() {
  std::string all;
  for (std::string part = read_part(); !part.empty(); part = read_part()) all += part;
  return all;
}

}  // namespace limpid::apps
