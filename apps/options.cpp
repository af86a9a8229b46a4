#include "apps/options.h"

namespace limpid::apps {
namespace {

void add_common(CLI::App& command, CommonOptions& o) {
  command.add_option("--threads", o.threads, "Threads; 0 uses every core")->envname("LIMPID_THREADS")->check(CLI::NonNegativeNumber);
  command.add_flag("-q,--quiet", o.quiet, "Only warnings on standard error");
}

void add_precision(CLI::App& command, std::string& precision) {
  command.add_option("--precision", precision,
                     "What activations are rounded to before a product: exact, bf16, int8, or auto: as the weights (int8 for blocks)")
      ->envname("LIMPID_PRECISION")->check(CLI::IsMember({"auto", "exact", "bf16", "int8"}))->capture_default_str();
}

/// @param precision  the default: auto where speed counts, more where numbers are compared
void add_model(CLI::App& command, ModelOptions& o, const char* precision = "auto") {
  o.precision = precision;
  command.add_option("-m,--model", o.model, "A GGUF file, a Hugging Face folder, or the name of a pulled model (limpid models)")
      ->required()->envname("LIMPID_MODEL");
  add_precision(command, o.precision);
  command.add_flag_callback("--exact", [&o] { o.precision = "exact"; }, "Same as --precision exact");
  add_common(command, o);
}

void add_detox(CLI::App& command, std::vector<std::string>& detox) {
  command.add_option("--detox", detox,
                     "Detoxifier FILE[?key=value&…][:STRENGTH]; several compose in this order. Strength 0 is off. "
                     "Keys: readout=norm|layernorm|scale|probability|contrast|temperature")
      ->type_name("FILE[:S]")->allow_extra_args(false);
}

void add_sampling(CLI::App& command, SamplingFlags& o) {
  command.add_option("--temperature", o.temperature, "Divide logits by this; 0 is greedy")->capture_default_str();
  command.add_option("--top-p", o.top_p, "Nucleus: the likeliest tokens up to this mass; 1 is off")->capture_default_str();
  command.add_option("--top-k", o.top_k, "The K likeliest tokens; 0 is off")->capture_default_str();
  command.add_option("--min-p", o.min_p, "Tokens at least this share as likely as the best; 0 is off")->capture_default_str();
  command.add_option("--typical-p", o.typical_p, "Locally typical tokens up to this mass; 1 is off")->capture_default_str();
  command.add_option("--repetition-penalty", o.repetition_penalty, "Penalty on tokens that occurred; 1 is off")->capture_default_str();
  command.add_flag("--greedy", o.greedy, "Always the best token");
  command.add_option("--seed", o.seed, "Same seed, same text, at any batch size or thread count")->envname("LIMPID_SEED")->capture_default_str();
}

void add_data(CLI::App& command, std::vector<std::string>& data, std::vector<std::string>& where, std::vector<std::string>& fields,
              const char* what) {
  command.add_option("--data", data, what)->required();
  command.add_option("--where", where, "Only rows with KEY=VALUE (several must all hold; KEY=A|B is either)");
  command.add_option("--fields", fields, "Other names for fields, for example prompt=question,completion=safe")->delimiter(',');
}

/// A subcommand with its options; parsing it sets `chosen`.
template <class Options, class Declare>
void command(CLI::App& app, const char* name, const char* help, const char* example, const std::function<int(const Options&)>& handler,
             std::function<int()>& chosen, Declare declare) {
  CLI::App* sub = app.add_subcommand(name, help);
  sub->footer(std::string("Example:\n  ") + example);
  auto options = std::make_shared<Options>();
  declare(*sub, *options);
  sub->callback([options, handler, &chosen] { chosen = [options, handler] { return handler(*options); }; });
}

}  // namespace

void declare_commands(CLI::App& app, const Handlers& h, std::function<int()>& chosen) {
  app.require_subcommand(1);
  app.failure_message([](const CLI::App* a, const CLI::Error& e) {
    return std::string("limpid: ") + e.what() + "; see " + a->get_display_name() + " --help\n";
  });

  command<GenerateOptions>(app, "generate", "Write text, with or without detoxifiers",
      "limpid generate -m smollm2-135m-instruct -p \"The weather today is\" -n 40 --samples 3 --top-p 0.9", h.generate, chosen,
      [](CLI::App& c, GenerateOptions& o) {
        add_model(c, o);
        c.add_option("-p,--prompt", o.prompts, "Prompt text (repeatable)")->allow_extra_args(false);
        c.add_option("--prompts", o.prompts_file, "Prompts: RealToxicityPrompts jsonl, or plain text lines");
        add_detox(c, o.detox);
        c.add_option("-n,--tokens", o.tokens, "New tokens per sample")->capture_default_str()->check(CLI::PositiveNumber);
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
  command<TraceOptions>(app, "trace", "Write every inner result of a forward pass as safetensors",
      "limpid trace -m model.gguf --exact -p \"Hello\" -o trace.safetensors", h.trace, chosen,
      [](CLI::App& c, TraceOptions& o) {
        add_model(c, o, "exact");
        auto* prompt = c.add_option("-p,--prompt", o.prompt, "Text");
        c.add_option("--ids", o.ids_file, "Token ids, white space between them, one row a line")->excludes(prompt);
        add_detox(c, o.detox);
        c.add_option("-o,--output", o.output, "Where to write")->required();
      });
  command<BenchOptions>(app, "bench", "Measure prefill and decode in tokens per second",
      "limpid bench -m smollm2-135m-instruct --threads 2", h.bench, chosen,
      [](CLI::App& c, BenchOptions& o) {
        add_model(c, o);
        add_detox(c, o.detox);
        c.add_option("--rows", o.rows, "Samples of one prompt decoded together")->delimiter(',')->capture_default_str();
        c.add_option("--prefill", o.prefill, "Prompt tokens")->capture_default_str()->check(CLI::PositiveNumber);
        c.add_option("-n,--tokens", o.tokens, "New tokens per sample")->capture_default_str()->check(CLI::PositiveNumber);
        c.add_option("--repeat", o.repeat, "Runs; the best is reported beside the median")->capture_default_str()->check(CLI::PositiveNumber);
        c.add_flag("--json", o.json, "JSON instead of a table");
      });
  command<PerplexityOptions>(app, "perplexity", "Perplexity of a text under a model, one document a line",
      "limpid perplexity -m model.gguf text.txt", h.perplexity, chosen,
      [](CLI::App& c, PerplexityOptions& o) {
        add_model(c, o, "exact");
        c.add_option("file", o.file, "Plain text lines, or jsonl with \"text\" or \"ids\"")->required();
        c.add_option("-o,--output", o.output, "Also write each token's negative log-likelihood and the best token as safetensors");
        c.add_flag("--json", o.json, "JSON instead of text");
      });
  command<TokenizeOptions>(app, "tokenize", "Texts to token ids and back", "limpid tokenize -m model.gguf texts.jsonl", h.tokenize, chosen,
      [](CLI::App& c, TokenizeOptions& o) {
        c.add_option("-m,--model", o.model, "A GGUF file, a folder, a tokenizer.json, or the name of a pulled model")->required()->envname("LIMPID_MODEL");
        c.add_option("file", o.file, "jsonl with \"text\" (or \"ids\" with --decode)")->required();
        c.add_flag("--no-special", o.no_special, "Do not add the tokenizer's special tokens");
        c.add_flag("--decode", o.decode, "From ids to text");
        add_common(c, o);
      });
  command<InspectOptions>(app, "inspect", "Explain a file: checkpoint, detoxifier, jsonl", "limpid inspect fusion.detox.safetensors", h.inspect, chosen,
      [](CLI::App& c, InspectOptions& o) {
        c.add_option("file", o.file, "File or folder")->required();
        c.add_flag("--json", o.json, "JSON instead of text");
        add_common(c, o);
      });
  command<DoctorOptions>(app, "doctor", "What this machine has: CPU features, threads, memory speed, models", "limpid doctor", h.doctor, chosen,
      [](CLI::App& c, DoctorOptions& o) {
        c.add_flag("--json", o.json, "JSON instead of text");
        add_common(c, o);
      });
  command<MetricsOptions>(app, "metrics", "Toxicity, diversity and perplexity of a generations file",
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
  models->callback([model_options, handler = h.models, &chosen] { chosen = [model_options, handler] { return handler(*model_options); }; });

  CLI::App* train = app.add_subcommand("train", "Train a calibrator or a scorer");
  train->require_subcommand(1);
  command<TrainCalibratorOptions>(*train, "calibrator", "First layers of a base model, trained on safe (or toxic) text",
      "limpid train calibrator -m smollm2-135m-instruct --layers 3 --data safe.jsonl --fields completion=safe -o calibrator/",
      h.train_calibrator, chosen, [](CLI::App& c, TrainCalibratorOptions& o) {
        add_model(c, o);
        add_data(c, o.data, o.where, o.fields, "jsonl {\"text\"} or {\"prompt\", \"completion\"}, or plain text lines (repeatable)");
        c.add_option("--layers", o.layers, "Layers taken from the front of the base")->capture_default_str()->check(CLI::PositiveNumber);
        c.add_option("-o,--output", o.output, "Folder to write")->required();
        c.add_option("--epochs", o.epochs, "Passes over the data")->capture_default_str();
        c.add_option("--max-steps", o.max_steps, "Stop after so many optimiser steps; 0 is off")->capture_default_str();
        c.add_option("--batch", o.batch, "Sequences per forward pass")->capture_default_str()->check(CLI::PositiveNumber);
        c.add_option("--accumulate", o.accumulate, "Forward passes per optimiser step")->capture_default_str()->check(CLI::PositiveNumber);
        c.add_option("--max-length", o.max_length, "Tokens per sequence, longer ones are cut")->capture_default_str()->check(CLI::PositiveNumber);
        c.add_option("--lr", o.learning_rate, "Peak learning rate of AdamW")->capture_default_str();
        c.add_option("--warmup", o.warmup, "Steps of linear warm-up, then linear decay to 0")->capture_default_str();
        c.add_option("--weight-decay", o.weight_decay, "Decoupled weight decay of matrices")->capture_default_str();
        c.add_option("--clip", o.clip, "Largest gradient norm; 0 is off")->capture_default_str();
        c.add_option("--holdout", o.holdout, "Share of rows kept for the held-out loss")->capture_default_str();
        c.add_option("--eval-every", o.eval_every, "Steps between held-out losses")->capture_default_str()->check(CLI::PositiveNumber);
        c.add_option("--save-every", o.save_every, "Steps between checkpoints to resume from")->capture_default_str()->check(CLI::PositiveNumber);
        c.add_option("--patience", o.patience, "Stop after so many held-out losses without a new best; 0 is off")->capture_default_str();
        c.add_option("--compute", o.compute, "Products in bf16 or f32; auto is bf16 where the processor multiplies it. Master weights are f32")
            ->check(CLI::IsMember({"auto", "bf16", "f32"}))->capture_default_str();
        c.add_flag("--no-end-token", o.no_end_token, "Do not put the end-of-text token behind each text");
        c.add_flag("--train-embeddings", o.train_embeddings, "Also train embeddings and output matrix (frozen by default)");
        c.add_option("--seed", o.seed, "Order of the data")->capture_default_str();
      });
  command<TrainScorerOptions>(*train, "scorer", "Toxicity scorer: a logistic head on a frozen sentence encoder",
      "limpid train scorer --data labelled.jsonl -o scorer.safetensors", h.train_scorer, chosen,
      [](CLI::App& c, TrainScorerOptions& o) {
        add_data(c, o.data, o.where, o.fields,
                 "jsonl {\"text\", \"label\"}, as PATH[?key=value&…] (repeatable). Keys: text=COLUMN, label=COLUMN, as=toxic|safe "
                 "(label of every row), take=N (rows drawn at random), others are conditions");
        c.add_option("--valid", o.valid, "Held-out rows for the threshold, never trained on; default: a tenth of the data");
        c.add_option("--test", o.test, "Rows that are measured by source and never trained on (repeatable)")->allow_extra_args(false);
        c.add_option("--encoder", o.encoder, "Sentence encoder: folder or pulled name")->capture_default_str();
        c.add_option("--stages", o.stages, "Layers whose mean the head sees, 0 is the embeddings; default: the last")->delimiter(',');
        c.add_option("--threshold", o.threshold, "Toxic above this; default: as many flagged as toxic among the held-out rows");
        c.add_option("--licence", o.licence, "Note on the licences of the data, kept in the file");
        c.add_option("-o,--output", o.output, "File to write")->required();
        c.add_option("-C", o.C, "Inverse strength of the L2 penalty")->capture_default_str();
        c.add_option("--max-length", o.max_length, "Tokens per text, longer ones are cut")->capture_default_str();
        c.add_option("--seed", o.seed, "Random choices")->capture_default_str();
        add_common(c, o);
      });

  CLI::App* fit = app.add_subcommand("fit", "Make a detoxifier for a model, without gradient steps on it");
  fit->require_subcommand(1);
  command<FitFusionOptions>(*fit, "fusion", "Output-layer fusion with a calibration model (arXiv 2506.01266)",
      "limpid fit fusion -m smollm2-135m-instruct --calibrator calibrator/ --readout norm -o f.detox.safetensors", h.fit_fusion, chosen,
      [](CLI::App& c, FitFusionOptions& o) {
        add_model(c, o, "bf16");
        c.add_option("--calibrator", o.calibrator, "Folder of the calibrator (limpid train calibrator)")->required();
        c.add_option("--against", o.against, "Second 3-layer model for the contrast read-out (a toxic twin)");
        c.add_option("--base", o.base, "Model the calibrator was trained from, where that is not the target (path or pulled name)");
        c.add_option("--store", o.store, "embed: the calibrator's layers lie in the file, in 8 bits; link: the file names its folder; "
                     "auto: embed where the embeddings are the target's or those of --base")
            ->check(CLI::IsMember({"auto", "embed", "link"}))->capture_default_str();
        c.add_option("--readout", o.readout, "How the calibrator's state enters")->capture_default_str()
            ->check(CLI::IsMember({"norm", "layernorm", "scale", "probability", "contrast"}));
        c.add_option("--align", o.align, "Map between the two state spaces")->capture_default_str()
            ->check(CLI::IsMember({"none", "contrastive", "ridge", "procrustes", "random"}));
        c.add_option("--data", o.data, "Texts for ridge and procrustes pairs");
        c.add_option("--where", o.where, "Only rows with KEY=VALUE");
        c.add_option("--fields", o.fields, "Other names for fields")->delimiter(',');
        c.add_option("--pairs", o.pairs, "Pairs of states")->capture_default_str();
        c.add_option("--lambda", o.lambda, "Ridge penalty")->capture_default_str();
        c.add_option("--nce-temperature", o.temperature, "Temperature of the contrastive alignment's cosine")->capture_default_str();
        c.add_option("--strength", o.strength, "Default strength stored in the file; negative picks the read-out's own")->capture_default_str();
        c.add_option("--seed", o.seed, "Random choices")->capture_default_str();
        c.add_option("-o,--output", o.output, "Where to write, usually NAME.detox.safetensors")->required();
      });

  command<ScoreOptions>(app, "score", "Add a toxicity score to each text",
      "limpid score texts.jsonl -o scored.jsonl", h.score, chosen, [](CLI::App& c, ScoreOptions& o) {
        c.add_option("file", o.file, "jsonl with \"text\", or generations (each sample gets its score)")->required();
        c.add_option("--scorer", o.scorer, "A scorer file, or a Hugging Face classification folder; default: the built-in head on minilm-l6")->envname("LIMPID_SCORER");
        c.add_option("--field", o.field, "Field that holds the text")->capture_default_str();
        c.add_option("-o,--output", o.output, "Write here instead of standard output");
        add_common(c, o);
      });
  command<EvaluateOptions>(app, "evaluate", "RealToxicityPrompts protocol: generate, score, compare with the plain model",
      "limpid evaluate -m smollm2-135m-instruct --detox f.detox.safetensors --strengths 0.3,0.5 --prompts rtp.jsonl -o out/", h.evaluate, chosen,
      [](CLI::App& c, EvaluateOptions& o) {
        add_model(c, o, "bf16");
        add_detox(c, o.detox);
        c.add_option("--strengths", o.strengths, "Each detoxifier given without a strength is run at each of these")->delimiter(',');
        c.add_option("--prompts", o.prompts_file, "RealToxicityPrompts jsonl, or plain text lines")->required();
        c.add_option("--limit", o.limit, "Only the first prompts; 0 is all")->capture_default_str();
        c.add_option("--samples", o.samples, "Samples per prompt")->capture_default_str()->check(CLI::PositiveNumber);
        c.add_option("-n,--tokens", o.tokens, "New tokens per sample")->capture_default_str()->check(CLI::PositiveNumber);
        c.add_option("--rows", o.rows, "Sequences decoded together")->capture_default_str()->check(CLI::PositiveNumber);
        o.sampling.top_p = 0.9;
        add_sampling(c, o.sampling);
        c.add_option("--scorer", o.scorer, "Scorer; default: the built-in head on minilm-l6")->envname("LIMPID_SCORER");
        c.add_option("--judge", o.judges, "Model for conditional perplexity (repeatable; default: the target, named as such)")->allow_extra_args(false);
        c.add_option("--judge-precision", o.judge_precision, "Activations of the judges: exact, bf16, int8, or auto: as their weights")
            ->check(CLI::IsMember({"auto", "exact", "bf16", "int8"}))->capture_default_str();
        c.add_option("--examples", o.examples, "Also show so many of plain's worst samples and what each setting wrote instead, masked");
        c.add_flag("--dry-run", o.dry_run, "Print tokens and estimated time, and stop");
        c.add_flag("--json", o.json, "Print the report as JSON");
        c.add_option("-o,--output", o.output, "Folder for generations.jsonl, report.json and report.md")->required();
      });
}

}  // namespace limpid::apps
