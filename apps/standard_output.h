#pragma once

#include <optional>
#include <streambuf>
#include <string>

namespace limpid::apps {

/// The one place behind std::cout: a write that fails is an IoError there and then, and whoever swallowed it still
/// finds it in finish(). Lines are shown as they come on a terminal. A reader that has closed the pipe ends the process
/// quietly, as SIGPIPE does, also where that signal is ignored.
class StandardOutput final : public std::streambuf {
 public:
  StandardOutput();            ///< takes std::cout over
  ~StandardOutput() override;  ///< gives it back
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;
  /// Writes what is left. Returns the exit code of a command that ended with `code`: 1 instead of 0, and one line on
  /// standard error, when something could not be written.
  int finish(int code);

 private:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;
  void flush();

  const bool shows_lines_;
  std::streambuf* const before_;
  std::string held_;
  std::optional<std::string> failure_;
};

}  // namespace limpid::apps
