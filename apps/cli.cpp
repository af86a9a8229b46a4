#include "apps/cli.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "apps/guard.h"
#include "apps/help_format.h"
#include "apps/suggestion.h"
#include "limpid/core/files.h"
#include "limpid/core/parse.h"
#include "limpid/core/range.h"

namespace limpid::apps {
namespace {

/// Adds a check that says what was found and what was expected.
/// @param expected  returns what a text should have been, or nothing where it is right
/// @param choices   what the help shows behind the type
void add_check(CLI::Option* option, std::function<std::string(const std::string&)> expected, std::string choices = "") {
  option->check(CLI::Validator(
      [expected](std::string& text) {
        const std::string wanted = expected(text);
        return wanted.empty() ? "" : concat("found \"", text, "\", expected ", wanted);
      },
      std::move(choices)));
}

bool takes_whole_numbers(const CLI::Option* option) {
  const std::string type = option->get_type_name();
  return type.starts_with("INT") || type.starts_with("UINT");
}

void check_range(CLI::Option* option, const Range& range) {
  add_check(option, [range](const std::string& text) {
    const auto number = parse_number<double>(text);
    return number && range.contains(*number) ? "" : range.text();
  });
}

/// The number that a list or an optional is made of; the type itself elsewhere.
template <class T>
struct ElementOf {
  using Type = T;
};
template <class T>
struct ElementOf<std::optional<T>> {
  using Type = T;
};
template <class T>
struct ElementOf<std::vector<T>> {
  using Type = T;
};

/// Refuses what the type cannot hold, which the parser would cut to what it can.
template <class T>
void check_number(CLI::Option* option) {
  add_check(option, [](const std::string& text) -> std::string {
    if (parse_number<T>(text)) return "";
    if (!std::is_integral_v<T>) return "a finite number";
    return concat("a whole number", std::is_unsigned_v<T> ? " from 0" : "", " of at most ", 8 * sizeof(T), " bits");
  });
}

std::string path_of(const CLI::App& command) {
  const std::string name = command.get_name();
  return command.get_parent() ? path_of(*command.get_parent()) + " " + name : name;
}

std::string help_of(const CLI::App& command) {
  return command.help(command.get_parent() ? path_of(*command.get_parent()) : "");
}

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::string with_suggestion(const std::string& message, const std::string& meant) {
  return meant.empty() ? message : concat(message, "; did you mean ", meant, "?");
}

}  // namespace

Option& Option::required(bool required) { return option_->required(required), *this; }
Option& Option::environment(const char* variable) { return option_->envname(variable), *this; }
Option& Option::type_name(const char* name) { return option_->type_name(name), *this; }
Option& Option::hide_default() { return option_->default_str(""), *this; }
Option& Option::comma_separated() { return option_->delimiter(','), *this; }
Option& Option::optional_value(const char* value) { return option_->expected(0, 1)->default_str(value), *this; }
Option& Option::one_at_a_time() { return option_->allow_extra_args(false), *this; }
Option& Option::positive() {
  const bool whole = takes_whole_numbers(option_);
  return check_range(option_, {.least = whole ? 1.0 : 0.0, .without_least = !whole}), *this;
}
Option& Option::not_negative() { return check_range(option_, {.least = 0.0}), *this; }
Option& Option::range(double low, double high) { return check_range(option_, {.least = low, .most = high}), *this; }
Option& Option::not_empty() {
  add_check(option_, [](const std::string& text) { return text.empty() ? "a text that is not empty" : ""; });
  return *this;
}
Option& Option::existing_file() {
  add_check(option_, [](const std::string& path) {
    std::error_code ignored;
    const bool file = fs::exists(path, ignored) && !fs::is_directory(path, ignored);
    return file ? "" : "a file that exists";
  });
  return *this;
}
Option& Option::existing_path() {
  add_check(option_, [](const std::string& path) {
    std::error_code ignored;
    return fs::exists(path, ignored) ? "" : "a file or folder that exists";
  });
  return *this;
}
Option& Option::excludes(const Option& other) { return option_->excludes(other.option_), *this; }
Option& Option::needs(const Option& other) { return option_->needs(other.option_), *this; }

Option& Option::idle_with(const Option& other) {
  CLI::Option* beside = other.option_;
  return idle_when([beside] { return beside->count() > 0; }, "with " + beside->get_name());
}
Option& Option::idle_without(std::initializer_list<Option> others) {
  std::vector<CLI::Option*> needed;
  for (const Option& other : others) needed.push_back(other.option_);
  const std::string names = join(needed, " or ", [](const CLI::Option* option) { return option->get_name(); });
  return idle_when(
      [needed] {
        return std::all_of(needed.begin(), needed.end(),
                           [](const CLI::Option* option) { return option->count() == 0; });
      },
      "without " + names);
}
Option& Option::idle_when(std::function<bool()> holds, const std::string& why) {
  idle_->push_back({option_, std::move(holds), why});
  return *this;
}

Option Subcommand::declared(CLI::Option* option) {
  if (!heading_.empty()) option->group(heading_);
  return Option(option, *idle_);
}

template <class T>
Option Subcommand::value(const char* names, T& target, const char* help) {
  CLI::Option* option = app_->add_option(names, target, help);
  using Element = typename ElementOf<T>::Type;
  if constexpr (std::is_arithmetic_v<Element>) check_number<Element>(option);
  if constexpr (std::is_arithmetic_v<T>) option->capture_default_str();
  if constexpr (requires { target.empty(); } && !std::is_same_v<T, fs::path>)
    if (!target.empty()) option->capture_default_str();
  return declared(option);
}

#define LIMPID_OPTION_TYPE(...) \
  template Option Subcommand::value<__VA_ARGS__>(const char* names, __VA_ARGS__& target, const char* help)
LIMPID_OPTION_TYPE(int);
LIMPID_OPTION_TYPE(int64_t);
LIMPID_OPTION_TYPE(uint64_t);
LIMPID_OPTION_TYPE(float);
LIMPID_OPTION_TYPE(double);
LIMPID_OPTION_TYPE(std::string);
LIMPID_OPTION_TYPE(fs::path);
LIMPID_OPTION_TYPE(std::optional<int64_t>);
LIMPID_OPTION_TYPE(std::optional<float>);
LIMPID_OPTION_TYPE(std::optional<double>);
LIMPID_OPTION_TYPE(std::optional<std::string>);
LIMPID_OPTION_TYPE(std::optional<fs::path>);
LIMPID_OPTION_TYPE(std::vector<int64_t>);
LIMPID_OPTION_TYPE(std::vector<double>);
LIMPID_OPTION_TYPE(std::vector<std::string>);
#undef LIMPID_OPTION_TYPE

Option Subcommand::value(const char* names, std::array<double, 2>& target, const char* help) {
  const auto set = [&target](const std::vector<double>& values) {
    std::copy(values.begin(), values.end(), target.begin());
  };
  CLI::Option* option = app_->add_option_function<std::vector<double>>(names, set, help)
                            ->expected(2)
                            ->default_str(concat("[", join(target, ","), "]"));
  check_number<double>(option);
  return declared(option);
}

Option Subcommand::choice(const char* names, const std::vector<std::string>& texts, const std::string& current,
                          const char* help, std::function<void(const std::string&)> set) {
  CLI::Option* option = app_->add_option_function(names, set, help)->default_str(current);
  const auto expected = [texts](const std::string& text) -> std::string {
    if (std::find(texts.begin(), texts.end(), text) != texts.end()) return "";
    return concat(join(std::span(texts).first(texts.size() - 1)), " or ", texts.back());
  };
  add_check(option, expected, concat("{", join(texts, ","), "}"));
  return declared(option);
}

Option Subcommand::flag(const char* names, bool& target, const char* help, bool value) {
  if (value) return declared(app_->add_flag(names, target, help));
  return action(names, help, [&target] { target = false; });
}

Option Subcommand::action(const char* names, const char* help, std::function<void()> act) {
  return declared(app_->add_flag_callback(names, act, help));
}

template <class T>
Option Subcommand::action(const char* names, const char* help, std::function<void(const T&)> act) {
  const auto checked = [act, names = std::string(names)](const T& said) {
    try {
      act(said);
    } catch (const ConfigError& error) {
      throw CLI::ValidationError(names, error.what());
    }
  };
  return declared(app_->add_option_function<T>(names, checked, help));
}
template Option Subcommand::action(const char*, const char*, std::function<void(const double&)>);
template Option Subcommand::action(const char*, const char*, std::function<void(const std::vector<std::string>&)>);

CommandLine::CommandLine(const char* about, const char* version, std::map<std::string, std::string> groups,
                         std::vector<CommandHeading> headings)
    : app_(std::make_unique<CLI::App>(about, "limpid")),
      groups_(std::move(groups)),
      headings_(std::move(headings)) {
  app_->set_version_flag("--version", version);
  app_->set_config("--config", "", "Read options from a TOML or INI file");
  app_->allow_config_extras(CLI::config_extras_mode::error);
  app_->require_subcommand(1);
  app_->formatter(help_formatter());
  app_->footer("limpid help COMMAND explains one, with an example; limpid help detox explains detoxifiers.");
}

CommandLine::~CommandLine() = default;

Subcommand CommandLine::add(const CommandInfo& info, std::function<int()> run) {
  CLI::App* app = app_.get();
  std::string name = info.name;
  const auto heading_of = [&](const std::string& command) {
    for (const CommandHeading& heading : headings_)
      for (const std::string& listed : heading.commands)
        if (listed == command) return heading.text;
    return "Commands";
  };
  if (const size_t space = name.find(' '); space != std::string::npos) {
    const std::string group = name.substr(0, space);
    if (const auto fresh = groups_.extract(group))
      app->add_subcommand(group, fresh.mapped())->require_subcommand(1)->group(heading_of(group));
    app = app->get_subcommand(group);
    name.erase(0, space + 1);
  }
  const bool top = app == app_.get();
  app = app->add_subcommand(name, info.help)->group(top ? heading_of(name) : "Commands");
  if (*info.example) app->footer(std::string("Example:\n  ") + info.example);
  app->callback([this, run] {
    if (!chosen_) chosen_ = run;  // that of `models pull` comes before that of `models`
  });
  return Subcommand(app, idle_);
}

/// Returns the command that the first words name, as far as they do.
CLI::App& CommandLine::deepest(const std::vector<std::string>& words) const {
  CLI::App* command = app_.get();
  for (const std::string& word : words) {
    const std::vector<std::string> names = commands_of(*command);
    if (std::find(names.begin(), names.end(), word) == names.end()) break;
    command = command->get_subcommand(word);
  }
  return *command;
}

int CommandLine::refuse(const std::string& message, const CLI::App& command) const {
  const char* join = message.ends_with('?') ? " See" : "; see";
  std::fprintf(stderr, "limpid: %s%s %s --help\n", message.c_str(), join, path_of(command).c_str());
  return 2;
}

int CommandLine::help(const std::vector<std::string>& words) {
  if (const auto topic = topics_.find(join(words, " ")); topic != topics_.end()) {
    std::cout << topic->second();
    return 0;
  }
  const CLI::App& command = deepest(words);
  if (const auto depth = split(path_of(command), ' ').size() - 1; depth < words.size()) {
    std::vector<std::string> known = commands_of(command);
    if (depth == 0)
      for (const auto& [name, text] : topics_) known.push_back(name);
    return refuse(
        with_suggestion(concat("there is no command \"", words[depth], "\""), likely_meant(words[depth], known)),
        command);
  }
  std::cout << help_of(command);
  return 0;
}

int CommandLine::parse(std::vector<std::string> words) {
  const CLI::App& command = deepest(words);
  try {
    std::reverse(words.begin(), words.end());  // the parser takes them from the back
    app_->parse(words);
    return 0;
  } catch (const CLI::CallForHelp&) {
    std::cout << help_of(command);
    return -1;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app_->exit(error), -1;  // the version
    // A slip in a name is behind whatever else seems to be missing.
    for (const std::string& extra : app_->remaining(/*recurse=*/true)) {
      const std::string name = extra.substr(0, extra.find('='));
      if (name.starts_with('-'))
        return refuse(with_suggestion("there is no option " + name, likely_meant(name, options_of(command))), command);
      if (const auto names = commands_of(command); !names.empty())
        return refuse(with_suggestion(concat("there is no command \"", name, "\""), likely_meant(name, names)),
                      command);
      return refuse(concat("\"", extra, "\" is not expected"), command);
    }
    return refuse(error.what(), command);
  }
}

int CommandLine::run(int argc, char** argv) {
  return guarded([&] {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (!words.empty() && words[0] == "help") return help({words.begin() + 1, words.end()});
    // A group alone, or the program, does nothing: what there is to say is what they can do.
    const CLI::App& command = deepest(words);
    if (split(path_of(command), ' ').size() == words.size() + 1 && command.get_require_subcommand_min() > 0) {
      std::cout << help_of(command);
      return 2;
    }
    if (const int code = parse(words); code != 0) return std::max(code, 0);
    for (const IdleRule& rule : idle_)
      if (rule.option->count() > 0 && rule.holds() &&
          (rule.option->get_envname().empty() || !std::getenv(rule.option->get_envname().c_str())))
        terminal().warning(concat(rule.option->get_name(), " does nothing ", rule.why));
    return chosen_();
  });
}

}  // namespace limpid::apps
