#pragma once

#include "apps/options.h"
#include "limpid/decoding/options.h"

/// Commands that run a model.
namespace limpid::apps {

struct GenerateCommand : ModelOptions {
  static constexpr CommandInfo kInfo{
      "generate", "Write text, with or without detoxifiers",
      "limpid generate -m smollm2-135m-instruct -p \"The weather today is\" -n 40 --samples 3 --top-p 0.9\n"
      "  limpid generate -m smollm2-135m-instruct --chat -p \"How do I boil an egg?\" -n 200"};

  std::vector<std::string> prompts, detox;
  WritingOptions writing;    ///< without sampling settings
  SamplingChoices sampling;  ///< as given
  bool plain_sampling = false;
  fs::path prompts_file, messages, output;
  std::optional<bool> stream;  ///< none: where a terminal shows the text
  bool json = false, explain = false, timings = false;

  void declare(Subcommand& c) {
    add_model(c, *this);
    const Option prompt =
        c.value("-p,--prompt", prompts, "Prompt text (repeatable); - reads it from standard input").one_at_a_time();
    const Option file = c.value(
        "--prompts", prompts_file,
        "Prompts: jsonl, a JSON list or a table with \"prompt\" (RealToxicityPrompts), plain text lines, the name of "
        "data (limpid data), or - for standard input");
    add_detox(c, detox);
    add_tokens(c, writing.tokens);
    add_samples(c, writing.samples);
    add_rows(c, writing.rows);
    add_sampling(c, sampling, writing.sampling.seed);
    const Option chat = c.flag("--chat", writing.chat,
                               "Put the prompt into the model's chat template as a user turn, and sample as the "
                               "model's files ask where no option says how");
    const Option system = c.value("--system", writing.system, "With --chat: a system turn in front").needs(chat);
    const Option conversation = c.value("--messages", messages,
                                        "A conversation to answer, through the chat template: a JSON list of "
                                        "{\"role\", \"content\"} in a file, or "
                                        "- for standard input")
                                    .excludes(prompt)
                                    .excludes(file)
                                    .excludes(system);
    c.flag("--plain-sampling", plain_sampling, "Sample as the options say and no other way, also in a chat")
        .idle_without({chat, conversation});
    c.value("--stop", writing.stop, "Stop before this text (repeatable)").one_at_a_time().not_empty();
    c.flag("--ignore-eos", writing.ignore_end, "Go on after the end-of-text token");
    const Option grow = c.action("--stream", "Show text as it grows, with its line breaks; default: on a terminal",
                                 [this] { stream = true; });
    c.action("--no-stream", "One line a sample, when it is finished, line breaks as \\n; default: to a file or pipe",
             [this] { stream = false; })
        .excludes(grow);
    c.flag("--explain", explain,
           "Report the mean KL per token that the detoxifiers caused, and where a text ceased to be finite: the first "
           "layer");
    c.flag("--timings", timings, "Report tokens per second and the time to the first token on standard error");
    c.flag("--json", json, "One JSON object per prompt on standard output").excludes(grow);
    c.value(
         "-o,--output", output,
         "Write that jsonl to a file. Finished prompts are kept in FILE.part meanwhile: after an interruption the same "
         "command goes on from there, another is refused until you delete it")
        .excludes(grow);
  }
};
int run(const GenerateCommand& options);

struct TraceCommand : ModelOptions {
  static constexpr CommandInfo kInfo{"trace", "Write every inner result of a forward pass as safetensors",
                                     "limpid trace -m model.gguf --exact -p \"Hello\" -o trace.safetensors"};

  std::string prompt;
  fs::path ids_file, output;
  std::vector<std::string> detox;

  void declare(Subcommand& c) {
    add_model(c, *this, Precision::Exact);
    const Option text = c.value("-p,--prompt", prompt, "Text");
    c.value("--ids", ids_file, "Token ids, white space between them, one row a line").excludes(text);
    add_detox(c, detox);
    c.value("-o,--output", output, "Where to write").required();
  }
};
int run(const TraceCommand& options);

struct BenchCommand : ModelOptions {
  static constexpr CommandInfo kInfo{"bench", "Measure prefill and decode in tokens per second",
                                     "limpid bench -m smollm2-135m-instruct --threads 2"};

  std::vector<std::string> detox;
  std::vector<int64_t> rows = {1, 8, 25};
  int64_t prefill = 256, tokens = 64, repeat = 3;
  bool json = false;

  void declare(Subcommand& c) {
    add_model(c, *this);
    add_detox(c, detox);
    c.value("--rows", rows, "Samples of one prompt decoded together").comma_separated().positive();
    c.value("--prefill", prefill, "Prompt tokens").positive();
    add_tokens(c, tokens);
    c.value("--repeat", repeat, "Runs; the best is reported beside the median").positive();
    c.flag("--json", json, "JSON instead of a table");
  }
};
int run(const BenchCommand& options);

struct PerplexityCommand : ModelOptions {
  static constexpr CommandInfo kInfo{"perplexity", "Perplexity of a text under a model, one document a line",
                                     "limpid perplexity -m model.gguf text.txt"};

  std::string file, output;
  bool json = false;

  void declare(Subcommand& c) {
    add_model(c, *this, Precision::Exact);
    add_kv_cache(c, kv_cache);
    c.value("file", file, "Plain text lines, or rows with \"text\" or \"ids\": jsonl, a JSON list or a table")
        .required();
    c.value("-o,--output", output, "Also write each token's negative log-likelihood and the best token as safetensors");
    c.flag("--json", json, "JSON instead of text");
  }
};
int run(const PerplexityCommand& options);

}  // namespace limpid::apps
