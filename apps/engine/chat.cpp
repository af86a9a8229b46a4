#include "apps/commands/chat.h"

#include <unistd.h>

#include <iostream>

#include "apps/engine/common.h"
#include "apps/engine/growing_texts.h"
#include "limpid/core/parse.h"
#include "limpid/decoding/writing.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/registry.h"

namespace limpid::apps {
namespace {

constexpr const char* kHelp =
    "Every line is a turn of yours, but for these; a line that begins with // is said with one slash.\n"
    "  /plain            the last question once more, answered by the plain model\n"
    "  /strength [S]     says or sets how strongly the detoxifiers act: one number, or one for each (0 is plain)\n"
    "  /system [TEXT]    puts a system turn in front, or takes it away\n"
    "  /reset            forgets what was said\n"
    "  /quit             ends, as Ctrl-D does; Ctrl-C stops an answer";

/// The detoxifiers that were given, each at a strength of its own.
class Dials {
 public:
  explicit Dials(const std::vector<std::string>& specs) {
    for (const std::string& text : specs) {
      const DetoxSpec spec = DetoxSpec::parse(text);
      const auto detoxifier = open_detoxifier(spec);
      const float strength = spec.strength.value_or(detoxifier->default_strength());
      warn_if_unmeasured(*detoxifier, strength, spec.file, terminal());
      dials_.push_back({detoxifier, strength});
    }
  }

  DetoxStack stack() const {
    DetoxStack out;
    for (const AppliedDetoxifier& dial : dials_) out.add(dial.detoxifier, dial.strength);
    return out;
  }

  std::string show() const {
    if (dials_.empty()) return "no detoxifier is loaded: begin with --detox";
    return "strength " + join(dials_, ", ", [](const AppliedDetoxifier& dial) {
             return concat(dial.strength, " (", dial.detoxifier->name(), ")");
           });
  }

  /// @throws ConfigError for text that is not one number, or one for each detoxifier, within its range
  void set(const std::string& text) {
    const auto parts = split(text, ',');
    LIMPID_CHECK(!dials_.empty(), ConfigError, show());
    LIMPID_CHECK(parts.size() == 1 || parts.size() == dials_.size(), ConfigError, "/strength: found ", parts.size(),
                 " numbers, expected 1 or ", dials_.size());
    auto changed = dials_;
    for (size_t i = 0; i < changed.size(); ++i) {
      const std::string part(trimmed(parts[parts.size() == 1 ? 0 : i]));
      const auto strength = parse_number<float>(part);
      LIMPID_CHECK(strength, ConfigError, "/strength: found \"", part, "\", expected a number");
      changed[i].detoxifier->limits().check(*strength, "/strength: ");
      changed[i].strength = *strength;
    }
    dials_ = std::move(changed);
    for (const AppliedDetoxifier& dial : dials_)
      warn_if_unmeasured(*dial.detoxifier, dial.strength, dial.detoxifier->name(), terminal());
  }

 private:
  std::vector<AppliedDetoxifier> dials_;
};

/// A conversation at the terminal, or with a file that is piped in.
class Chat {
 public:
  explicit Chat(const ChatCommand& options)
      : dials_(options.detox),
        model_(open_model_for(options)),
        generator_(model_, dials_.stack().open(*model_), {.max_rows = 1}),
        system_(options.system) {
    LIMPID_CHECK(!tokenizer_of(*model_).chat_template().empty(), ConfigError,
                 "[chat] the model has no chat template; is it a base model? generate writes behind a prompt");
    writing_.tokens = answer_tokens(*model_, options.tokens);
    writing_.sampling = chat_sampling(*model_, options.sampling, options.seed, options.plain_sampling);
  }

  /// Takes a line. Returns false when it ends the conversation.
  bool take(const std::string& line) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) return true;
    if (!line.starts_with('/')) return ask(line), true;
    if (line.starts_with("//")) return ask(line.substr(1)), true;
    const size_t space = std::min(line.find(' '), line.size());
    return obey(line.substr(0, space), line.substr(std::min(space + 1, line.size())));
  }

 private:
  bool obey(const std::string& command, const std::string& text) {
    const bool stands_alone = command == "/quit" || command == "/help" || command == "/plain" || command == "/reset";
    LIMPID_CHECK(!stands_alone || text.empty(), ConfigError, command, ": takes nothing behind it");
    if (command == "/quit") return false;
    if (command == "/help") {
      std::cout << kHelp << std::endl;
    } else if (command == "/plain") {
      answer_plainly();
    } else if (command == "/strength") {
      if (!text.empty()) dials_.set(text);
      std::cout << dials_.show() << std::endl;
    } else if (command == "/system") {
      system_ = text.empty() ? std::nullopt : std::optional(text);
      terminal().info(system_ ? "the system turn is set" : "there is no system turn");
    } else if (command == "/reset") {
      turns_.clear();
      asked_.clear();
      terminal().info("forgotten");
    } else {
      throw ConfigError(command + ": there is no such command; /help lists them");
    }
    return true;
  }

  void ask(const std::string& question) {
    std::vector<Turn> turns = turns_;
    turns.push_back({"user", question});
    const size_t dropped = drop_oldest_turns(*model_, system_, turns, writing_.tokens);
    if (dropped > 0) terminal().info(concat("the context is full: the oldest ", dropped, " turns are forgotten"));
    asked_ = with_system(system_, turns);
    turns.push_back({"assistant", answer(dials_.stack().strengths())});
    turns_ = std::move(turns);
    ++questions_;
  }

  void answer_plainly() {
    LIMPID_CHECK(!asked_.empty(), ConfigError, "/plain: nothing was asked yet");
    std::cout << "the plain model:" << std::endl;
    answer({}, /*again=*/true);
  }

  /// Shows the answer to what was asked as it grows. Returns what there is of it when it ends or is stopped.
  /// @param again  the last question's random numbers are taken once more
  std::string answer(std::vector<float> strengths, bool again = false) {
    Request request = make_request(*model_, asked_, writing_);
    request.prompt = again ? questions_ - 1 : questions_;
    request.strengths = std::move(strengths);
    GrowingTexts growing(1, 1);
    std::string text;
    request.on_token = [&](const TokenEvent& token) {
      text += token.text;
      growing.grow(0, 0, token.text);
    };
    const RequestId id = generator_.submit(std::move(request));
    std::string error;
    while (generator_.step([&](const Completion& completion) { error = completion.error; }))
      if (terminal().stop()) generator_.cancel(id);
    growing.finish(0, 0);
    if (terminal().forget_interrupt()) terminal().info("stopped");
    LIMPID_CHECK(error.empty(), Error, error);
    return text;
  }

  Dials dials_;
  std::shared_ptr<Model> model_;
  Generator generator_;
  WritingOptions writing_;
  std::optional<std::string> system_;
  std::vector<Turn> turns_;
  std::vector<Turn> asked_;  // what the last answer followed, the system turn of that time in front
  uint64_t questions_ = 0;
};

/// Shows the prompt and returns the next line; nothing at the end of the input.
std::optional<std::string> next_line(StandardLines& lines, bool by_hand) {
  for (;;) {
    if (by_hand) std::cout << "> " << std::flush;
    try {
      return lines.next();
    } catch (const Interrupted&) {
      const bool by_key = terminal().forget_interrupt();
      std::cout << std::endl;
      if (!by_key || !by_hand) throw;
      terminal().info("Ctrl-D ends");
    }
  }
}

}  // namespace

int run(const ChatCommand& options) {
  sampling_options(options.sampling, 0).check();
  Chat chat(options);
  const bool by_hand = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
  if (by_hand) terminal().info("Every line is a turn of yours; /help tells more, Ctrl-D ends.");
  terminal().catch_interrupts(/*twice_ends=*/false);
  StandardLines lines;
  bool failed = false;
  for (bool goes_on = true; goes_on;) {
    const auto line = next_line(lines, by_hand);
    if (!line) break;
    try {
      goes_on = chat.take(*line);
    } catch (const Error& error) {
      terminal().warning(error.what());
      failed = true;
    }
  }
  if (by_hand) std::cout << std::endl;
  return failed && !by_hand ? 1 : 0;
}

}  // namespace limpid::apps
