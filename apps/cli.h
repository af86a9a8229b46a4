#pragma once

#include <array>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limpid/core/names.h"

/// The command line as the commands see it. The parser behind it (CLI11, seconds to compile) stays in cli.cpp.
namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace limpid::apps {

/// A setting that was given and does nothing, as other settings are.
struct IdleRule {
  CLI::Option* option;
  std::function<bool()> holds;  ///< asked when all is parsed
  std::string why;              ///< "with --greedy"
};

/// One option, while it is declared. Its default is shown in the help where there is one.
class Option {
 public:
  Option(CLI::Option* option, std::vector<IdleRule>& idle) : option_(option), idle_(&idle) {}

  Option& required(bool required = true);
  Option& environment(const char* variable);  ///< read where the option is not given
  Option& type_name(const char* name);        ///< in the help
  Option& hide_default();
  Option& comma_separated();
  Option& optional_value(const char* value);  ///< the name may stand alone, which means this value
  Option& one_at_a_time();                    ///< of several values: each needs the option's name in front

  Option& positive();  ///< whole numbers from 1, others above 0
  Option& not_negative();
  Option& range(double low, double high);
  Option& not_empty();  ///< a text
  Option& existing_file();
  Option& existing_path();
  Option& excludes(const Option& other);
  Option& needs(const Option& other);

  /// Warns where the option was given and does nothing: beside another, without any of others, or as `holds` says.
  Option& idle_with(const Option& other);
  Option& idle_without(std::initializer_list<Option> others);
  Option& idle_when(std::function<bool()> holds, const std::string& why);

 private:
  CLI::Option* option_;
  std::vector<IdleRule>* idle_;
};

/// A command, while it declares its options. Names are as in "-n,--tokens"; without dashes the option is positional.
/// Bound variables must outlive the parsing.
class Subcommand {
 public:
  Subcommand(CLI::App* app, std::vector<IdleRule>& idle) : app_(app), idle_(&idle) {}

  /// Puts the options that follow under a heading of the help; empty: the command's own.
  void heading(const char* text) { heading_ = text; }

  /// Binds a number, a text, a path, an optional of these, or a list (cli.cpp has the types).
  template <class T>
  Option value(const char* names, T& target, const char* help);
  Option value(const char* names, std::array<double, 2>& target, const char* help);

  /// Binds an enumeration with names (core/names.h).
  /// @param allowed  those that may be said; default: all
  template <HasNames Enum>
  Option choice(const char* names, Enum& target, const char* help, std::initializer_list<Enum> allowed = {}) {
    std::vector<std::string> texts;
    for (Enum value : allowed) texts.push_back(name(value));
    if (texts.empty()) texts.assign(names_of(target).begin(), names_of(target).end());
    return choice(names, texts, name(target), help, [&](const std::string& text) { target = named<Enum>(text, ""); });
  }

  /// Binds an enumeration, or nothing, which is called "auto".
  /// @param allowed  those that may be said besides; default: all
  template <HasNames Enum>
  Option choice(const char* names, std::optional<Enum>& target, const char* help,
                std::initializer_list<Enum> allowed = {}) {
    std::vector<std::string> texts = {"auto"};
    for (Enum value : allowed) texts.push_back(name(value));
    if (allowed.size() == 0) texts.insert(texts.end(), names_of(Enum()).begin(), names_of(Enum()).end());
    return choice(names, texts, target ? name(*target) : "auto", help, [&](const std::string& text) {
      target = text == "auto" ? std::nullopt : std::optional(named<Enum>(text, ""));
    });
  }

  Option flag(const char* names, bool& target, const char* help, bool value = true);  ///< sets it to `value`
  Option action(const char* names, const char* help, std::function<void()> act);

  /// Hands over what was said as T (double, list of texts). A ConfigError of `act` is a mistake on the command line.
  template <class T>
  Option action(const char* names, const char* help, std::function<void(const T&)> act);

 private:
  Option choice(const char* names, const std::vector<std::string>& texts, const std::string& current, const char* help,
                std::function<void(const std::string&)> set);
  Option declared(CLI::Option* option);

  CLI::App* app_;
  std::vector<IdleRule>* idle_;
  std::string heading_;
};

/// The place where a command runs: in the engine, which has LibTorch, or in the program itself.
enum class Runs { InEngine, Here };

/// Name, help and example of a command: "fit gedi" is the command gedi of the group fit.
struct CommandInfo {
  const char* name;
  const char* help;
  const char* example;
  Runs runs = Runs::InEngine;
};

/// A heading of `limpid --help` and the commands below it.
struct CommandHeading {
  const char* text;
  std::vector<std::string> commands;
};

/// The program's command line: declare the commands, then run.
class CommandLine {
 public:
  /// @param groups    names and helps
  /// @param headings  of the list of commands; those in none come first
  CommandLine(const char* about, const char* version, std::map<std::string, std::string> groups,
              std::vector<CommandHeading> headings);
  ~CommandLine();

  /// Declares a command: a struct with `kInfo` and `declare(Subcommand&)`, which binds its members.
  template <class Command>
  void add(int (*run)(const Command&)) {
    const auto command = std::make_shared<Command>();
    Subcommand sub = add(Command::kInfo, [command, run] { return run(*command); });
    command->declare(sub);
  }

  /// Declares what `limpid help NAME` explains besides commands.
  void add_topic(const std::string& name, std::function<std::string()> text) { topics_[name] = std::move(text); }

  /// Parses, then runs the command that was given. Returns the exit code: 2 when the line is wrong, which is said on
  /// standard error, or empty, for which the help is printed; else the command's.
  int run(int argc, char** argv);

 private:
  Subcommand add(const CommandInfo& info, std::function<int()> run);
  int parse(std::vector<std::string> words);
  int help(const std::vector<std::string>& words);
  int refuse(const std::string& message, const CLI::App& command) const;
  CLI::App& deepest(const std::vector<std::string>& words) const;

  std::unique_ptr<CLI::App> app_;
  std::map<std::string, std::string> groups_;
  std::vector<CommandHeading> headings_;
  std::map<std::string, std::function<std::string()>> topics_;
  std::vector<IdleRule> idle_;
  std::function<int()> chosen_;
};

}  // namespace limpid::apps
