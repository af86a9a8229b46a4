#include "apps/standard_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>

#include "apps/guard.h"
#include "limpid/core/descriptor.h"

namespace limpid::apps {
namespace {

constexpr size_t kMostHeld = 1 << 16;

/// Opens what is closed of standard input, output and error, so that no file that is opened later gets their numbers
/// and what is meant for the standard output. Writing there still fails.
void reserve_standard_descriptors() {
  for (int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(number, F_GETFD) < 0) ::open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

}  // namespace

StandardOutput::StandardOutput()
    : shows_lines_((reserve_standard_descriptors(), isatty(STDOUT_FILENO))),
      before_(std::cout.rdbuf(this)) {
  std::cout.exceptions(std::ios::badbit);
}

StandardOutput::~StandardOutput() {
  std::cout.exceptions(std::ios::goodbit);
  std::cout.rdbuf(before_);
}

int StandardOutput::finish(int code) {
  return guarded([&] {
    if (!failure_) flush();
    if (code == 0 && failure_) throw IoError(*failure_);
    return code;
  });
}

StandardOutput::int_type StandardOutput::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  const char one = traits_type::to_char_type(c);
  xsputn(&one, 1);
  return c;
}

std::streamsize StandardOutput::xsputn(const char* text, std::streamsize size) {
  held_.append(text, size_t(size));
  const bool line = shows_lines_ && std::memchr(text, '\n', size_t(size));
  if (line || held_.size() >= kMostHeld) flush();
  return size;
}

int StandardOutput::sync() {
  flush();
  return 0;
}

void StandardOutput::flush() {
  const std::string text = std::exchange(held_, {});
  if (write_all(STDOUT_FILENO, text.data(), text.size())) return;
  if (errno == EPIPE) {
    std::signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
  }
  failure_ = concat("standard output cannot be written: ", std::strerror(errno));
  throw IoError(*failure_);
}

}  // namespace limpid::apps
