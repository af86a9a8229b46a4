#include "apps/commands/generate.h"

#include <unistd.h>

#include <chrono>
#include <iostream>
#include <map>

#include "apps/engine/common.h"
#include "apps/engine/growing_texts.h"
#include "limpid/data/generations.h"
#include "limpid/decoding/fault_finder.h"
#include "limpid/decoding/kl_probe.h"
#include "limpid/decoding/writing.h"

namespace limpid::apps {
namespace {

std::string one_line(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else
      out += c;
  }
  return out;
}

/// What a text is written behind.
struct Opening {
  std::string prompt;              // of a conversation: its last turn
  std::vector<Turn> conversation;  // empty for a mere prompt
  std::string source;              // of a prompt in a file: "FILE:LINE"
};

std::string prompt_on_standard_input() {
  std::string prompt = read_standard_input();
  if (prompt.ends_with('\n')) prompt.pop_back();
  LIMPID_CHECK(!prompt.empty(), ConfigError, "-p -: standard input is empty, expected a prompt");
  return prompt;
}

Opening conversation_in(const fs::path& file) {
  const bool piped = file == "-";
  Opening opening;
  opening.conversation =
      parse_conversation(piped ? read_standard_input() : read_text(file), piped ? "standard input" : file.string());
  opening.prompt = opening.conversation.back().content;
  return opening;
}

std::vector<Opening> openings_of(const GenerateCommand& options) {
  if (!options.messages.empty()) return {conversation_in(options.messages)};
  std::vector<Opening> openings;
  for (const std::string& prompt : options.prompts) {
    LIMPID_CHECK(prompt != "-" || options.prompts.size() == 1, ConfigError,
                 "-p - reads the prompt from standard input and cannot stand beside another -p");
    openings.push_back({prompt == "-" ? prompt_on_standard_input() : prompt, {}, ""});
  }
  if (!options.prompts_file.empty())
    for (auto& prompt : read_prompts(options.prompts_file))
      openings.push_back({std::move(prompt.text), {}, std::move(prompt.source)});
  LIMPID_CHECK(!openings.empty(), ConfigError, "no prompt: give -p TEXT, --prompts FILE or --messages FILE");
  return openings;
}

/// Returns the settings with how to sample: in a chat as the model asks where nothing was given.
WritingOptions writing_for(const Model& model, const GenerateCommand& options) {
  WritingOptions writing = options.writing;
  const bool chat = writing.chat || !options.messages.empty();
  writing.sampling = chat_sampling(model, options.sampling, writing.sampling.seed, !chat || options.plain_sampling);
  return writing;
}

/// Returns a request for each opening, all of which fit the model: that is seen before any work is done.
std::vector<Request> requests_for(const Model& model, const std::vector<Opening>& openings,
                                  const WritingOptions& writing, const std::vector<float>& strengths) {
  std::vector<Request> requests;
  for (const Opening& opening : openings) {
    Request& request =
        requests.emplace_back(opening.conversation.empty() ? make_request(model, opening.prompt, writing)
                                                           : make_request(model, opening.conversation, writing));
    request.prompt = requests.size() - 1;
    request.strengths = strengths;
    const std::string place = opening.source.empty() ? concat("prompt ", requests.size()) : opening.source;
    check_fits(model, request, openings.size() == 1 && opening.source.empty() ? "" : place + ": ");
  }
  return requests;
}

bool shows_growing_texts(const GenerateCommand& options) {
  return !options.json && options.output.empty() && options.stream.value_or(isatty(STDOUT_FILENO));
}

/// Writes prompts in order, each as soon as it and all before it are finished.
class OrderedWriter {
 public:
  OrderedWriter(const GenerateCommand& options, const std::vector<Opening>& openings)
      : options_(options),
        openings_(openings),
        done_(openings.size()) {
    if (!options.output.empty()) file_ = std::make_unique<AtomicFile>(options.output);
  }

  void add(Completion completion) {
    const uint64_t prompt = completion.prompt, sample = completion.sample;
    done_[prompt].emplace(sample, std::move(completion));
    if (!options_.json && !file_) return write_lines();
    for (; next_ < openings_.size() && int64_t(done_[next_].size()) == options_.writing.samples; ++next_) {
      write(openings_[next_], done_[next_]);
      done_[next_].clear();
    }
  }
  void finish() {
    if (file_) file_->commit();
  }

 private:
  /// Writes the samples whose turn it is, a line each: nothing is held until its prompt is finished.
  void write_lines() {
    while (next_ < openings_.size()) {
      const auto sample = done_[next_].find(next_sample_);
      if (sample == done_[next_].end()) return;
      std::cout << one_line(sample->second.text) << '\n' << std::flush;
      done_[next_].erase(sample);
      if (++next_sample_ < uint64_t(options_.writing.samples)) continue;
      next_sample_ = 0;
      ++next_;
    }
  }
  void write(const Opening& opening, const std::map<uint64_t, Completion>& samples) {
    Json row = {{"prompt", opening.prompt}, {"generations", Json::array()}};
    for (const Turn& turn : opening.conversation)
      row["messages"].push_back({{"role", turn.role}, {"content", turn.content}});
    for (const auto& [index, sample] : samples)
      row["generations"].push_back(
          {{"text", sample.text}, {"ids", sample.ids}, {"finish_reason", name(sample.finish_reason)}});
    if (file_)
      file_->write(to_text(row) + "\n");
    else
      std::cout << to_text(row) << '\n' << std::flush;
  }

  const GenerateCommand& options_;
  const std::vector<Opening>& openings_;
  std::vector<std::map<uint64_t, Completion>> done_;
  std::unique_ptr<AtomicFile> file_;
  size_t next_ = 0;
  uint64_t next_sample_ = 0;  // of lines
};

std::string with_digits(double value, int digits) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

/// Says how fast it went. @param first, total  seconds until the first token, and in all
void report_timings(const Generator& generator, double first, double total) {
  const auto counted = [](uint64_t tokens, const char* kind, const Pace& pace) {
    const std::string count = concat(thousands(tokens), " ", kind, tokens == 1 ? " token" : " tokens");
    return pace.tokens > 0 ? concat(count, " at ", with_digits(double(pace.tokens) / pace.seconds, 1), " tokens/s")
                           : count;
  };
  terminal().info(concat("timings: ", counted(generator.tokens_prefilled(), "prompt", generator.prefill()), ", ",
                         counted(generator.tokens_generated(), "new", generator.decode()), ", the first after ",
                         with_digits(first, 3), " s, ", with_digits(total, 3), " s in all"));
}

}  // namespace

int run(const GenerateCommand& options) {
  const std::vector<Opening> openings = openings_of(options);
  const DetoxStack detox = open_detoxifiers(options.detox, terminal());
  sampling_options(options.sampling, 0).check();
  const auto model = open_model_for(options);
  tokenizer_of(*model);
  const WritingOptions writing = writing_for(*model, options);

  auto sessions = detox.open(*model);
  std::vector<float> strengths = detox.strengths();
  KlTotal kl;
  if (options.explain) {
    add_fault_finder(sessions, strengths);
    add_kl_probe(*model, kl, sessions, strengths);
  }
  Generator generator(model, std::move(sessions), {.max_rows = size_t(writing.rows), .watch = terminal()});

  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  std::optional<double> first_token;
  std::optional<GrowingTexts> growing;
  const std::vector<Request> requests = requests_for(*model, openings, writing, strengths);
  generator.submit_from([&, p = size_t(0), sample = uint64_t(0)]() mutable -> std::optional<Request> {
    if (p == requests.size()) return std::nullopt;
    Request request = requests[p];
    request.sample = sample;
    request.on_token = [&, p, sample](const TokenEvent& token) {
      if (!first_token) first_token = seconds();
      if (growing) growing->grow(p, sample, token.text);
    };
    if (++sample == uint64_t(writing.samples)) sample = 0, ++p;
    return request;
  });

  if (shows_growing_texts(options)) growing.emplace(openings.size(), size_t(writing.samples));
  OrderedWriter writer(options, openings);
  size_t finished = 0, failed = 0;
  Progress progress(terminal(), "generate", openings.size() * size_t(writing.samples), "samples");
  const auto done = [&](Completion completion) {
    if (completion.finish_reason == FinishReason::Error) {
      ++failed;
      if (growing) growing->end_line();
      terminal().warning(
          concat("prompt ", completion.prompt + 1, ", sample ", completion.sample + 1, ": ", completion.error));
    }
    ++finished;
    if (growing) return growing->finish(completion.prompt, completion.sample);
    progress.update(finished);
    writer.add(std::move(completion));
  };
  while (generator.step(done)) terminal().throw_if_stopped();
  writer.finish();
  if (options.timings) report_timings(generator, first_token.value_or(0), seconds());
  if (options.explain) {
    terminal().info(concat("mean KL per token against the plain model: ", kl.mean(), " nats"));
    if (!detox.is_plain() && kl.sum == 0.0) terminal().warning("the detoxifiers had no effect");
  }
  return failed > 0 ? 1 : 0;
}

}  // namespace limpid::apps
