#include "apps/help_format.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "limpid/core/parse.h"

namespace limpid::apps {
namespace {

constexpr size_t kNames = 30;  // width of the column of names

class HelpFormatter final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    std::string text = CLI::Formatter::make_help(app, name, mode);
    for (size_t gap; (gap = text.find("\n\n\n")) != std::string::npos;) text.erase(gap, 1);
    return text;
  }
  std::string make_description(const CLI::App* app) const override {
    return wrapped(app->get_description(), help_width()) + "\n";
  }
  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    return two_columns(make_option_name(option, is_positional) + make_option_opts(option), option->get_description());
  }
  std::string make_subcommand(const CLI::App* command) const override {
    return two_columns(command->get_display_name(true), command->get_description());
  }

 private:
  static std::string two_columns(const std::string& name, const std::string& text) {
    std::string line = "  " + name;
    line += line.size() + 2 > kNames ? "\n" + std::string(kNames, ' ') : std::string(kNames - line.size(), ' ');
    return line + wrapped(text, help_width() - kNames, kNames) + "\n";
  }
};

/// Returns how many characters UTF-8 text has.
size_t characters(const std::string& text) {
  return size_t(std::count_if(text.begin(), text.end(), [](char byte) { return (byte & 0xC0) != 0x80; }));
}

}  // namespace

size_t help_width() {
  size_t width = isatty(STDOUT_FILENO) ? 80 : 100;
  winsize window{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0) width = window.ws_col;
  if (const char* columns = std::getenv("COLUMNS"))
    if (const auto number = parse_number<size_t>(columns)) width = *number;
  return std::clamp<size_t>(width, 60, 120);
}

std::string wrapped(const std::string& text, size_t width, size_t indent) {
  std::string out;
  const std::string line_break = "\n" + std::string(indent, ' ');
  for (const std::string& line : split(text, '\n')) {
    if (!out.empty()) out += line_break;
    size_t used = 0;
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      const size_t length = characters(word);
      if (used > 0 && used + 1 + length > width) {
        out += line_break;
        used = 0;
      }
      if (used > 0) out += ' ', ++used;
      out += word;
      used += length;
    }
  }
  return out;
}

std::shared_ptr<CLI::FormatterBase> help_formatter() { return std::make_shared<HelpFormatter>(); }

}  // namespace limpid::apps
