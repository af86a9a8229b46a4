#include "apps/commands/generate.h"

#include <iostream>
#include <map>

#include "apps/engine/common.h"
#include "limpid/data/generations.h"
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

std::vector<std::string> prompts_of(const GenerateCommand& options) {
  std::vector<std::string> prompts = options.prompts;
  if (!options.prompts_file.empty())
    for (auto& prompt : read_prompts(options.prompts_file)) prompts.push_back(std::move(prompt.text));
  LIMPID_CHECK(!prompts.empty(), ConfigError, "no prompt: give -p TEXT or --prompts FILE");
  return prompts;
}

/// Writes prompts in order, each as soon as it and all before it are finished.
class OrderedWriter {
 public:
  OrderedWriter(const GenerateCommand& options, const std::vector<std::string>& prompts)
      : options_(options),
        prompts_(prompts),
        done_(prompts.size()) {
    if (!options.output.empty()) file_ = std::make_unique<AtomicFile>(options.output);
  }

  void add(Completion completion) {
    const uint64_t prompt = completion.prompt, sample = completion.sample;
    done_[prompt].emplace(sample, std::move(completion));
    for (; next_ < prompts_.size() && int64_t(done_[next_].size()) == options_.writing.samples; ++next_) {
      write(prompts_[next_], done_[next_]);
      done_[next_].clear();
    }
  }
  void finish() {
    if (file_) file_->commit();
  }

 private:
  void write(const std::string& prompt, const std::map<uint64_t, Completion>& samples) {
    if (!options_.json && !file_) {
      for (const auto& [index, sample] : samples) std::cout << one_line(sample.text) << '\n' << std::flush;
      return;
    }
    Json row = {{"prompt", prompt}, {"generations", Json::array()}};
    for (const auto& [index, sample] : samples)
      row["generations"].push_back(
          {{"text", sample.text}, {"ids", sample.ids}, {"finish_reason", name(sample.finish_reason)}});
    if (file_)
      file_->write(to_text(row) + "\n");
    else
      std::cout << to_text(row) << '\n' << std::flush;
  }

  const GenerateCommand& options_;
  const std::vector<std::string>& prompts_;
  std::vector<std::map<uint64_t, Completion>> done_;
  std::unique_ptr<AtomicFile> file_;
  size_t next_ = 0;
};

}  // namespace

int run(const GenerateCommand& options) {
  const std::vector<std::string> prompts = prompts_of(options);
  const DetoxStack detox = open_detoxifiers(options.detox);
  options.writing.sampling.check();
  const auto model = open_model_for(options);
  tokenizer_of(*model);

  auto sessions = detox.open(*model);
  std::vector<float> strengths = detox.strengths();
  KlTotal kl;
  if (options.explain) add_kl_probe(*model, kl, sessions, strengths);
  GeneratorOptions generator_options;
  generator_options.max_rows = size_t(options.writing.rows);
  Generator generator(model, std::move(sessions), generator_options);
  for (size_t p = 0; p < prompts.size(); ++p) {
    Request request = make_request(*model, prompts[p], options.writing);
    request.prompt = p;
    request.strengths = strengths;
    for (request.sample = 0; request.sample < uint64_t(options.writing.samples); ++request.sample)
      generator.submit(request);
  }

  OrderedWriter writer(options, prompts);
  size_t finished = 0, failed = 0;
  Progress progress(terminal(), "generate", prompts.size() * size_t(options.writing.samples), "samples");
  generator.run([&](Completion completion) {
    terminal().throw_if_stopped();
    if (completion.finish_reason == FinishReason::Error) {
      ++failed;
      terminal().warning(
          concat("prompt ", completion.prompt + 1, ", sample ", completion.sample + 1, ": ", completion.error));
    }
    progress.update(++finished);
    writer.add(std::move(completion));
  });
  writer.finish();
  if (options.explain) {
    terminal().info(concat("mean KL per token against the plain model: ", kl.mean(), " nats"));
    if (!detox.is_plain() && kl.sum == 0.0) terminal().warning("the detoxifiers had no effect");
  }
  return failed > 0 ? 1 : 0;
}

}  // namespace limpid::apps
