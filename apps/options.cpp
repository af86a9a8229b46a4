#include "apps/option_groups.h"

namespace limpid::apps {

void declare_commands(CLI::App& app, const Handlers& h, std::function<int()>& chosen) {
  app.require_subcommand(1);
  app.failure_message([](const CLI::App* a, const CLI::Error& e) {
    return std::string("limpid: ") + e.what() + "; see " + a->get_display_name() + " --help\n";
  });

  command<GenerateOptions>(
      app, "generate", "Write text, with or without detoxifiers",
      "limpid generate -m smollm2-135m-instruct -p \"The weather today is\" -n 40 --samples 3 --top-p 0.9", h.generate,
      chosen, [](CLI::App& c, GenerateOptions& o) {
        add_model(c, o);
        c.add_option("-p,--prompt", o.prompts, "Prompt text (repeatable)")->allow_extra_args(false);
        c.add_option("--prompts", o.prompts_file, "Prompts: RealToxicityPrompts jsonl, or plain text lines");
        add_detox(c, o.detox);
        c.add_option("-n,--tokens", o.tokens, "New tokens per sample")
            ->capture_default_str()
            ->check(CLI::PositiveNumber);
        c.add_option("--samples", o.samples, "Samples per prompt")->capture_default_str()->check(CLI::PositiveNumber);
        c.add_option("--rows", o.rows, "Sequences decoded together")->capture_default_str()->check(CLI::PositiveNumber);
        add_sampling(c, o.sampling);
        c.add_flag("--chat", o.chat, "Put the prompt into the model's chat template as a user turn");
        c.add_option("--stop", o.stop, "Stop before this text (repeatable)")->allow_extra_args(false);
        c.add_flag("--ignore-eos", o.ignore_eos, "Go on after the end-of-text token");
        c.add_flag("--explain", o.explain, "Report the mean KL per token that the detoxifiers caused");
        c.add_flag("--json", o.json, "One JSON object per prompt on standard output");
        c.add_option("-o,--output", o.output, "Write that jsonl to a file");
      });
  command<TraceOptions>(
      app, "trace", "Write every inner result of a forward pass as safetensors",
      "limpid trace -m model.gguf --exact -p \"Hello\" -o trace.safetensors", h.trace, chosen,
      [](CLI::App& c, TraceOptions& o) {
        add_model(c, o, "exact");
        auto* prompt = c.add_option("-p,--prompt", o.prompt, "Text");
        c.add_option("--ids", o.ids_file, "Token ids, white space between them, one row a line")->excludes(prompt);
        add_detox(c, o.detox);
        c.add_option("-o,--output", o.output, "Where to write")->required();
      });
  command<BenchOptions>(
      app, "bench", "Measure prefill and decode in tokens per second",
      "limpid bench -m smollm2-135m-instruct --threads 2", h.bench, chosen, [](CLI::App& c, BenchOptions& o) {
        add_model(c, o);
        add_detox(c, o.detox);
        c.add_option("--rows", o.rows, "Samples of one prompt decoded together")->delimiter(',')->capture_default_str();
        c.add_option("--prefill", o.prefill, "Prompt tokens")->capture_default_str()->check(CLI::PositiveNumber);
        c.add_option("-n,--tokens", o.tokens, "New tokens per sample")
            ->capture_default_str()
            ->check(CLI::PositiveNumber);
        c.add_option("--repeat", o.repeat, "Runs; the best is reported beside the median")
            ->capture_default_str()
            ->check(CLI::PositiveNumber);
        c.add_flag("--json", o.json, "JSON instead of a table");
      });
  command<PerplexityOptions>(
      app, "perplexity", "Perplexity of a text under a model, one document a line",
      "limpid perplexity -m model.gguf text.txt", h.perplexity, chosen, [](CLI::App& c, PerplexityOptions& o) {
        add_model(c, o, "exact");
        c.add_option("file", o.file, "Plain text lines, or jsonl with \"text\" or \"ids\"")->required();
        c.add_option("-o,--output", o.output,
                     "Also write each token's negative log-likelihood and the best token as safetensors");
        c.add_flag("--json", o.json, "JSON instead of text");
      });
  command<TokenizeOptions>(app, "tokenize", "Texts to token ids and back", "limpid tokenize -m model.gguf texts.jsonl",
                           h.tokenize, chosen, [](CLI::App& c, TokenizeOptions& o) {
                             c.add_option("-m,--model", o.model,
                                          "A GGUF file, a folder, a tokenizer.json, or the name of a pulled model")
                                 ->required()
                                 ->envname("LIMPID_MODEL");
                             c.add_option("file", o.file, "jsonl with \"text\" (or \"ids\" with --decode)")->required();
                             c.add_flag("--no-special", o.no_special, "Do not add the tokenizer's special tokens");
                             c.add_flag("--decode", o.decode, "From ids to text");
                             add_common(c, o);
                           });
  command<InspectOptions>(
      app, "inspect", "Explain a file: checkpoint, detoxifier, jsonl", "limpid inspect fusion.detox.safetensors",
      h.inspect, chosen, [](CLI::App& c, InspectOptions& o) {
        c.add_option("file", o.file, "File or folder")->required();
        c.add_flag("--json", o.json, "JSON instead of text");
        c.add_option("--report", o.report,
                     "Also write a page about a detoxifier (NAME.html), or only the heat map of its probes (NAME.svg)")
            ->type_name("FILE");
        add_common(c, o);
      });
  command<DoctorOptions>(app, "doctor", "What this machine has: CPU features, threads, memory speed, models",
                         "limpid doctor", h.doctor, chosen, [](CLI::App& c, DoctorOptions& o) {
                           c.add_flag("--json", o.json, "JSON instead of text");
                           add_common(c, o);
                         });
  command<MetricsOptions>(
      app, "metrics", "Toxicity, diversity and perplexity of a generations file",
      "limpid metrics generations.jsonl --judge gemma-3-270m --json", h.metrics, chosen,
      [](CLI::App& c, MetricsOptions& o) {
        c.add_option("file", o.file, "jsonl: {\"prompt\", \"generations\": [{\"text\", \"toxicity\"}]}")->required();
        c.add_option("--judge", o.judge, "Model that measures conditional perplexity");
        o.precision = "exact";
        add_precision(c, o.precision);
        c.add_flag("--json", o.json, "JSON instead of a table");
        add_common(c, o);
      });

  CLI::App* models = app.add_subcommand("models", "The models that Limpid can fetch by name");
  models->footer("Example:\n  limpid models pull smollm2-135m-instruct");
  auto model_options = std::make_shared<ModelsOptions>();
  models->add_flag("--json", model_options->json, "JSON instead of a table");
  CLI::App* pull = models->add_subcommand("pull", "Fetch a model (by pip), check its SHA-256 and keep it in the cache");
  pull->add_option("name", model_options->name, "Which")->required();
  pull->callback([model_options] { model_options->pull = true; });
  models->callback([model_options, handler = h.models, &chosen] {
    chosen = [model_options, handler] { return handler(*model_options); };
  });

  declare_train(app, h, chosen);
  declare_fit(app, h, chosen);
  declare_distil(app, h, chosen);
  command<ExportOptions>(
      app, "export", "A detoxifier as what other programs read: a model with it built in, or a control vector",
      "limpid export -m smollm2-135m-instruct --detox \"steer.detox.safetensors?rule=constant:0.2\" -o steered/",
      h.export_detoxifier, chosen, [](CLI::App& c, ExportOptions& o) {
        add_model_name(c, o);
        c.add_option(
             "--detox", o.detox,
             "Detoxifier FILE[?key=value&…][:STRENGTH]: destein with rule constant, profs or model-surgery. What comes "
             "out steers every position, the prompt's too")
            ->type_name("FILE[:S]")
            ->required();
        c.add_option("--to", o.to,
                     "hf: a Hugging Face folder in float32 (profs, model-surgery, destein at tap heads or projection); "
                     "control-vector: "
                     "a GGUF file for llama.cpp (destein at tap layer); auto: what fits")
            ->check(CLI::IsMember({"auto", "hf", "control-vector"}))
            ->capture_default_str();
        c.add_option("-o,--output", o.output, "Folder or file to write")->required();
        add_common(c, o);
      });
  command<ScoreOptions>(
      app, "score", "Add a toxicity score to each text", "limpid score texts.jsonl -o scored.jsonl", h.score, chosen,
      [](CLI::App& c, ScoreOptions& o) {
        c.add_option("file", o.file, "jsonl with \"text\", or generations (each sample gets its score)")->required();
        c.add_option("--scorer", o.scorer,
                     "A scorer file, or a Hugging Face classification folder; default: the built-in head on minilm-l6")
            ->envname("LIMPID_SCORER");
        c.add_option("--field", o.field, "Field that holds the text")->capture_default_str();
        c.add_option("-o,--output", o.output, "Write here instead of standard output");
        add_common(c, o);
      });
  declare_evaluation(app, h, chosen);
}

}  // namespace limpid::apps
