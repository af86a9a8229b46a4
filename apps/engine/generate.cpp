#include "apps/commands/generate.h"

#include <iostream>
#include <map>

#include "apps/engine/common.h"
#include "limpid/data/generations.h"
#include "limpid/decoding/kl_probe.h"

namespace limpid::apps {
namespace {

std::string one_line(const std::string& text) {
  std::string out;
  for (char c : text) c == '\n' ? out += "\\n" : c == '\r' ? out += "\\r" : out += c;
  return out;
}

std::vector<std::string> prompts_of(const GenerateCommand& options) {
  std::vector<std::string> prompts = options.prompts;
  if (!options.prompts_file.empty())
    for (auto& prompt : read_prompts(options.prompts_file)) prompts.push_back(std::move(prompt.text));
  LIMPID_CHECK(!prompts.empty(), ConfigError, "no prompt: give -p TEXT or --prompts FILE");
  return prompts;
}

void submit_all(Generator& generator, const GenerateCommand& options, const Model& model,
                const std::vector<std::string>& prompts, const std::vector<float>& strengths) {
  const Tokenizer& tokenizer = tokenizer_of(model);
  Request request;
  request.sampling = options.sampling;
  request.strengths = strengths;
  request.stop.max_new_tokens = options.tokens;
  request.stop.stop_strings = options.stop;
  if (!options.ignore_eos) request.stop.stop_tokens = end_tokens(model);
  for (size_t p = 0; p < prompts.size(); ++p) {
    request.prompt = p;
    request.prompt_ids = options.chat ? chat_prompt_ids(tokenizer, prompts[p]) : prompt_ids(tokenizer, prompts[p]);
    for (int64_t sample = 0; sample < options.samples; ++sample) {
      request.sample = uint64_t(sample);
      generator.submit(request);
    }
  }
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
    for (; next_ < prompts_.size() && int64_t(done_[next_].size()) == options_.samples; ++next_) {
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
  options.sampling.check();
  const auto model = open_model_for(options);
  tokenizer_of(*model);

  auto sessions = detox.open(*model);
  std::vector<float> strengths = detox.strengths();
  KlTotal kl;
  if (options.explain) add_kl_probe(*model, kl, sessions, strengths);
  GeneratorOptions generator_options;
  generator_options.max_rows = size_t(options.rows);
  Generator generator(model, std::move(sessions), generator_options);
  submit_all(generator, options, *model, prompts, strengths);

  OrderedWriter writer(options, prompts);
  size_t finished = 0;
  Progress progress(terminal(), "generate", prompts.size() * size_t(options.samples), "samples");
  generator.run([&](Completion completion) {
    terminal().throw_if_stopped();
    writer.add(std::move(completion));
    progress.update(++finished);
  });
  writer.finish();
  if (options.explain) {
    terminal().info(concat("mean KL per token against the plain model: ", kl.mean(), " nats"));
    if (!detox.is_plain() && kl.sum == 0.0) terminal().warning("the detoxifiers had no effect");
  }
  return 0;
}

}  // namespace limpid::apps
