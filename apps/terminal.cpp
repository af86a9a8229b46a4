#include "apps/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>
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
int woken_ = -1;  // an event: readable after a signal. It may come to any thread, and before poll() waits

void on_signal(int number) {
  if (signal_ != 0 && twice_ends_) _exit(128 + number);
  signal_ = number;
  const int error = errno;
  eventfd_write(woken_, 1);
  errno = error;
}

std::string progress_line(const WorkState& state) {
  std::string line = concat(state.what, ": ", thousands(state.done), "/", thousands(state.total), " ", state.unit);
  if (!state.detail.empty()) line += ", " + state.detail;
  if (state.finished) return line + ", took " + human_duration(state.seconds);
  if (state.fresh == 0 || state.done >= state.total) return line;
  return line + ", " + human_duration(state.seconds / double(state.fresh) * double(state.total - state.done)) + " left";
}

/// Returns the file to read standard input from. Ctrl-C throws a line away that a terminal had ready, so read() must
/// not wait; a terminal is opened anew for that, since the shell shares the file that we were given.
int standard_input() {
  static const int file = [] {
    const int own = isatty(STDIN_FILENO) ? open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    return own >= 0 ? own : STDIN_FILENO;
  }();
  return file;
}

/// Returns what comes next on standard input; empty at its end. @throws Interrupted when Ctrl-C ends the wait for it.
std::string read_part() {
  for (;;) {
    terminal().throw_if_stopped();
    pollfd ready[] = {{standard_input(), POLLIN, 0}, {woken_, POLLIN, 0}};
    if (poll(ready, 2, -1) < 0 || ready[0].revents == 0) continue;
    char part[1 << 16];
    const ssize_t size = read(standard_input(), part, sizeof part);
    if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
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
  if (woken_ < 0) woken_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  for (const int number : {SIGINT, SIGTERM, SIGHUP})
    if (std::signal(number, on_signal) == SIG_IGN && number == SIGHUP) std::signal(number, SIG_IGN);  // nohup
}

bool Terminal::forget_interrupt() {
  if (signal_ != SIGINT) return false;
  signal_ = 0;
  eventfd_t ignored;
  eventfd_read(woken_, &ignored);
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
      if (line.ends_with('\r')) line.pop_back();
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
