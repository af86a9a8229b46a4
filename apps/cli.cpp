#include "apps/cli.h"

#include <CLI/CLI.hpp>

#include "apps/guard.h"
#include "limpid/core/files.h"

namespace limpid::apps {

Option& Option::required(bool required) { return option_->required(required), *this; }
Option& Option::environment(const char* variable) { return option_->envname(variable), *this; }
Option& Option::type_name(const char* name) { return option_->type_name(name), *this; }
Option& Option::hide_default() { return option_->default_str(""), *this; }
Option& Option::comma_separated() { return option_->delimiter(','), *this; }
Option& Option::optional_value(const char* value) { return option_->expected(0, 1)->default_str(value), *this; }
Option& Option::one_at_a_time() { return option_->allow_extra_args(false), *this; }
Option& Option::positive() { return option_->check(CLI::PositiveNumber), *this; }
Option& Option::not_negative() { return option_->check(CLI::NonNegativeNumber), *this; }
Option& Option::range(double low, double high) { return option_->check(CLI::Range(low, high)), *this; }
Option& Option::existing_file() { return option_->check(CLI::ExistingFile), *this; }
Option& Option::existing_path() { return option_->check(CLI::ExistingPath), *this; }
Option& Option::excludes(const Option& other) { return option_->excludes(other.option_), *this; }
Option& Option::needs(const Option& other) { return option_->needs(other.option_), *this; }

template <class T>
Option Subcommand::value(const char* names, T& target, const char* help) {
  CLI::Option* option = app_->add_option(names, target, help);
  if constexpr (std::is_arithmetic_v<T>) option->capture_default_str();
  if constexpr (requires { target.empty(); } && !std::is_same_v<T, fs::path>)
    if (!target.empty()) option->capture_default_str();
  return Option(option);
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
  return Option(app_->add_option_function<std::vector<double>>(names, set, help)
                    ->expected(2)
                    ->default_str(concat("[", join(target, ","), "]")));
}

Option Subcommand::choice(const char* names, const std::vector<std::string>& texts, const std::string& current,
                          const char* help, std::function<void(const std::string&)> set) {
  return Option(app_->add_option_function(names, set, help)->default_str(current)->check(CLI::IsMember(texts)));
}

Option Subcommand::flag(const char* names, bool& target, const char* help, bool value) {
  if (value) return Option(app_->add_flag(names, target, help));
  return action(names, help, [&target] { target = false; });
}

Option Subcommand::action(const char* names, const char* help, std::function<void()> act) {
  return Option(app_->add_flag_callback(names, act, help));
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
  return Option(app_->add_option_function<T>(names, checked, help));
}
template Option Subcommand::action(const char*, const char*, std::function<void(const double&)>);
template Option Subcommand::action(const char*, const char*, std::function<void(const std::vector<std::string>&)>);

CommandLine::CommandLine(const char* about, const char* version, std::map<std::string, std::string> groups)
    : app_(std::make_unique<CLI::App>(about)),
      groups_(std::move(groups)) {
  app_->set_version_flag("--version", version);
  app_->set_config("--config", "", "Read options from a TOML or INI file");
  app_->require_subcommand(1);
  app_->failure_message([](const CLI::App* app, const CLI::Error& error) {
    return std::string("limpid: ") + error.what() + "; see " + app->get_display_name() + " --help\n";
  });
}

CommandLine::~CommandLine() = default;

Subcommand CommandLine::add(const CommandInfo& info, std::function<int()> run) {
  CLI::App* app = app_.get();
  std::string name = info.name;
  if (const size_t space = name.find(' '); space != std::string::npos) {
    const std::string group = name.substr(0, space);
    if (const auto fresh = groups_.extract(group)) app->add_subcommand(group, fresh.mapped())->require_subcommand(1);
    app = app->get_subcommand(group);
    name.erase(0, space + 1);
  }
  app = app->add_subcommand(name, info.help);
  if (*info.example) app->footer(std::string("Example:\n  ") + info.example);
  app->callback([this, run] {
    if (!chosen_) chosen_ = run;  // that of `models pull` comes before that of `models`
  });
  return Subcommand(app);
}

int CommandLine::run(int argc, char** argv) {
  return guarded([&] {
    try {
      app_->parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app_->exit(error) == 0 ? 0 : 2;
    }
    return chosen_();
  });
}

}  // namespace limpid::apps
