#include "apps/commands/generate.h"

#include <unistd.h>

#include <chrono>
#include <iostream>
#include <map>
#include <utility>

#include "apps/engine/common.h"
#include "apps/engine/growing_texts.h"
#include "apps/engine/row_output.h"
#include "limpid/core/version.h"
#include "limpid/data/generations.h"
#include "limpid/decoding/fault_finder.h"
#include "limpid/decoding/kl_probe.h"
#include "limpid/decoding/sampling_json.h"
#include "limpid/decoding/writing.h"
#include "limpid/methods/detox_spec.h"
#include "limpid/methods/registry.h"

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
    LIMPID_CHECK(prompt != "-" || (options.prompts.size() == 1 && options.prompts_file.empty()), ConfigError,
                 "-p - reads the prompt from standard input and cannot stand beside other prompts");
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

Json turns_of(const Opening& opening) {
  Json turns = Json::array();
  for (const Turn& turn : opening.conversation) turns.push_back({{"role", turn.role}, {"content", turn.content}});
  return turns;
}

/// Returns everything that changes a row.
Json row_settings(const Model& model, const GenerateCommand& options, const WritingOptions& writing,
                  const DetoxStack& detox, const std::vector<Opening>& openings) {
  Json texts = Json::array(), files = Json::array();
  for (const Opening& opening : openings) texts.push_back({opening.prompt, turns_of(opening)});
  for (const std::string& text : options.detox) {
    for (const fs::path& file : files_of(DetoxSpec::parse(text))) files.push_back(file_stamp(file));
  }
  Json settings = {{"version", version()},
                   {"model", file_stamp(model.path())},
                   {"ignored", options.ignored_settings},
                   {"precision", name(model.precision())},
                   {"prompts", {{"count", openings.size()}, {"sha256", sha256(to_text(texts))}}},
                   {"detox", options.detox},
                   {"detox_files", files},
                   {"sampling", to_json(writing.sampling)},
                   {"samples", writing.samples},
                   {"tokens", writing.tokens},
                   {"stop", writing.stop},
                   {"chat", writing.chat},
                   {"system", writing.system ? Json(*writing.system) : Json()},
                   {"ignore_eos", writing.ignore_end}};
  note_kv_cache(model, settings);
  return settings;
}

/// Writes samples to standard output as lines, in order, each when it is its turn: nothing is held until its prompt is
/// finished.
class SampleLines {
 public:
  explicit SampleLines(size_t samples) : samples_(samples), on_terminal_(isatty(STDOUT_FILENO)) {}

  void add(const Completion& completion) {
    waiting_.emplace(completion.prompt * samples_ + completion.sample, one_line(completion.text));
    for (auto line = waiting_.begin(); line != waiting_.end() && line->first == next_; ++next_) {
      std::cout << (on_terminal_ ? harmless(line->second) : line->second) << '\n' << std::flush;
      line = waiting_.erase(line);
    }
  }

 private:
  const uint64_t samples_;
  const bool on_terminal_;
  std::map<uint64_t, std::string> waiting_;
  uint64_t next_ = 0;
};

/// The samples of one prompt, by their numbers.
using Samples = std::map<uint64_t, Completion>;

/// Returns what is written of a prompt: a line of JSON.
std::string json_line(const Opening& opening, const Samples& samples) {
  Json row = {{"prompt", opening.prompt}, {"generations", Json::array()}};
  if (!opening.conversation.empty()) row["messages"] = turns_of(opening);
  for (const auto& [index, sample] : samples)
    row["generations"].push_back(
        {{"text", sample.text}, {"ids", sample.ids}, {"finish_reason", name(sample.finish_reason)}});
  return to_text(row) + "\n";
}

/// Returns how many samples of an earlier run ended with an error.
size_t failed_before(const RowOutput& output) {
  size_t failed = 0;
  if (!output.kept()) return failed;
  output.kept()->for_each_row([&](std::string_view line) {
    const Json row = parse_json(line, output.kept()->path().string());
    for (const Json& sample : row.at("generations")) failed += sample.at("finish_reason") == name(FinishReason::Error);
  });
  return failed;
}

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

/// Says how far the texts are from the plain model's.
/// @param resumed  an earlier run wrote some of the texts, of which nobody knows the divergence
void report_kl(const KlTotals& kl, const DetoxStack& detox, bool resumed) {
  const KlTotal total = sum_of(kl);
  terminal().info(concat("mean KL per token against the plain model", resumed ? " in what was written now" : "", ": ",
                         total.mean(), " nats"));
  if (!detox.is_plain() && total.tokens > 0 && total.sum == 0.0) terminal().warning("the detoxifiers had no effect");
}

}  // namespace

int run(const GenerateCommand& options) {
  const std::vector<Opening> openings = openings_of(options);
  const DetoxStack detox = open_detoxifiers(options.detox, terminal());
  sampling_options(options.sampling, 0).check();
  const auto model = open_model_for(options);
  tokenizer_of(*model);
  const WritingOptions writing = writing_for(*model, options);
  const size_t samples = size_t(writing.samples);
  RowOutput output(
      options.output, [&] { return row_settings(*model, options, writing, detox, openings); }, openings.size(),
      "prompts");

  auto sessions = detox.open(*model);
  std::vector<float> strengths = detox.strengths();
  KlTotals kl;
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
    if (sample == 0)
      while (p < requests.size() && output.has(p)) ++p;
    if (p == requests.size()) return std::nullopt;
    Request request = requests[p];
    request.sample = sample;
    request.on_token = [&, p, sample](const TokenEvent& token) {
      if (!first_token) first_token = seconds();
      if (growing) growing->grow(p, sample, token.text);
    };
    if (++sample == samples) sample = 0, ++p;
    return request;
  });

  if (shows_growing_texts(options)) growing.emplace(openings.size(), samples);
  std::optional<SampleLines> lines;
  if (!options.json && options.output.empty()) lines.emplace(samples);
  std::vector<Samples> written(openings.size());
  const size_t kept = output.kept() ? output.kept()->size() : 0;
  size_t finished = kept * samples, failed = failed_before(output);
  Progress progress(terminal(), "generate", openings.size() * samples, "samples");
  if (kept > 0) progress.update(finished);
  const auto done = [&](Completion completion) {
    const size_t p = size_t(completion.prompt);
    if (completion.finish_reason == FinishReason::Error) {
      ++failed;
      if (growing) growing->end_line();
      terminal().warning(concat("prompt ", p + 1, ", sample ", completion.sample + 1, ": ", completion.error));
    }
    ++finished;
    if (growing) return growing->finish(p, completion.sample);
    progress.update(finished);
    if (lines) return lines->add(completion);
    written[p].emplace(completion.sample, std::move(completion));
    if (written[p].size() == samples) output.write(p, json_line(openings[p], std::exchange(written[p], {})));
  };
  while (generator.step(done)) output.stop_if_asked();
  output.finish();
  if (options.timings) report_timings(generator, first_token.value_or(0), seconds());
  if (options.explain) report_kl(kl, detox, kept > 0);
  return failed > 0 ? 1 : 0;
}

}  // namespace limpid::apps
