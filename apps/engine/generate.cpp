#include <iostream>
#include <map>

#include "apps/engine/commands.h"
#include "apps/engine/common.h"
#include "apps/terminal.h"
#include "limpid/data/generations.h"
#include "limpid/decoding/kl_probe.h"

namespace limpid::apps {
namespace {

std::string one_line(const std::string& text) {
  std::string out;
  for (char c : text) c == '\n' ? out += "\\n" : c == '\r' ? out += "\\r" : out += c;
  return out;
}

std::vector<std::string> prompts_of(const GenerateOptions& options) {
  std::vector<std::string> prompts = options.prompts;
  if (!options.prompts_file.empty())
    for (auto& prompt : read_prompts(options.prompts_file)) prompts.push_back(std::move(prompt.text));
  LIMPID_CHECK(!prompts.empty(), ConfigError, "no prompt: give -p TEXT or --prompts FILE");
  return prompts;
}

}  // namespace

int run_generate(const GenerateOptions& options) {
  const std::vector<std::string> prompts = prompts_of(options);
  const DetoxStack detox = open_detoxifiers(options.detox);
  const SamplingOptions sampling = sampling_options(options.sampling);
  const auto model = open_model_for(options);
  tokenizer_of(*model);

  auto sessions = detox.open(*model);
  std::vector<float> strengths = detox.strengths();
  KlTotal kl;
  if (options.explain) add_kl_probe(*model, kl, sessions, strengths);
  GeneratorOptions generator_options;
  generator_options.max_rows = size_t(options.rows);
  Generator generator(model, std::move(sessions), generator_options);
  for (size_t p = 0; p < prompts.size(); ++p) {
    std::string text = prompts[p];
    TokenIds ids;
    if (options.chat) {
      ids = chat_prompt_ids(*model->tokenizer(), text);
    } else {
      ids = prompt_ids(tokenizer_of(*model), text);
    }
    for (int64_t sample = 0; sample < options.samples; ++sample) {
      Request request;
      request.prompt = p;
      request.sample = uint64_t(sample);
      request.prompt_ids = ids;
      request.sampling = sampling;
      request.strengths = strengths;
      request.stop.max_new_tokens = options.tokens;
      request.stop.stop_strings = options.stop;
      if (!options.ignore_eos) request.stop.stop_tokens = end_tokens(*model);
      generator.submit(std::move(request));
    }
  }

  // Prompts are written in order, each as soon as it and all before it are finished.
  const bool as_json = options.json || !options.output.empty();
  std::vector<std::map<uint64_t, Completion>> done(prompts.size());
  std::unique_ptr<AtomicFile> file;
  if (!options.output.empty()) file = std::make_unique<AtomicFile>(options.output);
  size_t next = 0, finished = 0, failed = 0;
  Progress progress(terminal(), "generate", prompts.size() * size_t(options.samples), "samples");
  const auto emit = [&](const std::string& line) {
    if (file)
      file->write(line + "\n");
    else
      std::cout << line << '\n' << std::flush;
  };
  generator.run([&](Completion completion) {
    terminal().throw_if_stopped();
    const uint64_t prompt = completion.prompt, sample = completion.sample;
    if (completion.finish_reason == FinishReason::Error) {
      ++failed;
      terminal().warning(concat("prompt ", prompt + 1, ", sample ", sample + 1, ": ", completion.error));
    }
    done[prompt].emplace(sample, std::move(completion));
    progress.update(++finished);
    for (; next < prompts.size() && int64_t(done[next].size()) == options.samples; ++next) {
      if (!as_json) {
        for (const auto& [index, one] : done[next]) emit(one_line(one.text));
      } else {
        Json row = {{"prompt", prompts[next]}, {"generations", Json::array()}};
        for (const auto& [index, one] : done[next])
          row["generations"].push_back(
              {{"text", one.text}, {"ids", one.ids}, {"finish_reason", name(one.finish_reason)}});
        emit(to_text(row));
      }
      done[next].clear();
    }
  });
  if (file) file->commit();
  if (options.explain) {
    terminal().info(concat("mean KL per token against the plain model: ", kl.mean(), " nats"));
    if (!detox.is_plain() && kl.sum == 0.0) terminal().warning("the detoxifiers had no effect");
  }
  return failed > 0 ? 1 : 0;
}

}  // namespace limpid::apps
