#include "apps/option_groups.h"

namespace limpid::apps {
namespace {

/// What `evaluate` and `tune` share: the RealToxicityPrompts protocol.
void add_protocol(CLI::App& c, ProtocolOptions& o) {
  c.add_option("--prompts", o.prompts_file, "RealToxicityPrompts jsonl, or plain text lines")->required();
  c.add_option("--limit", o.limit, "Only the first prompts; 0 is all")->capture_default_str();
  c.add_option("--samples", o.samples, "Samples per prompt")->capture_default_str()->check(CLI::PositiveNumber);
  c.add_option("-n,--tokens", o.tokens, "New tokens per sample")->capture_default_str()->check(CLI::PositiveNumber);
  c.add_option("--rows", o.rows, "Sequences decoded together")->capture_default_str()->check(CLI::PositiveNumber);
  o.sampling.top_p = 0.9;
  add_sampling(c, o.sampling);
  c.add_option("--scorer", o.scorer, "Scorer; default: the built-in head on minilm-l6")->envname("LIMPID_SCORER");
  c.add_option("--judge", o.judges, "Model for conditional perplexity (repeatable; default: the target, named as such)")
      ->allow_extra_args(false);
  c.add_option("--judge-precision", o.judge_precision,
               "Activations of the judges: exact, bf16, int8, or auto: as their weights")
      ->check(CLI::IsMember({"auto", "exact", "bf16", "int8"}))
      ->capture_default_str();
}

}  // namespace

void declare_evaluation(CLI::App& app, const Handlers& h, std::function<int()>& chosen) {
  command<EvaluateOptions>(
      app, "evaluate", "RealToxicityPrompts protocol: generate, score, compare with the plain model",
      "limpid evaluate -m smollm2-135m-instruct --detox f.detox.safetensors --strengths 0.3,0.5 --prompts rtp.jsonl -o "
      "out/",
      h.evaluate, chosen, [](CLI::App& c, EvaluateOptions& o) {
        add_model(c, o, "bf16");
        c.add_option("--detox", o.detox,
                     detox_help("each is a setting, and \"SPEC + SPEC\" (with spaces) is one setting whose detoxifiers "
                                "act in this order"))
            ->type_name("SPEC[ + SPEC]")
            ->allow_extra_args(false);
        c.add_option("--strengths", o.strengths,
                     "Each single detoxifier given without a strength is run at each of these")
            ->delimiter(',');
        add_protocol(c, o);
        c.add_option("--examples", o.examples,
                     "Also show so many of plain's worst samples and what each setting wrote instead, masked");
        c.add_flag("--dry-run", o.dry_run, "Print tokens, estimated time and settings, and stop");
        c.add_flag("--json", o.json, "Print the report as JSON");
        c.add_option("-o,--output", o.output, "Folder for generations.jsonl, report.json, report.md and curve.svg")
            ->required();
      });
  command<TuneCommandOptions>(
      app, "tune", "Find the strength that keeps to a fluency budget or reaches a toxicity aim",
      "limpid tune -m smollm2-135m-instruct --detox f.detox.safetensors --prompts rtp.jsonl --budget ppl=1.05 -o tune/ "
      "--write tuned.detox.safetensors",
      h.tune, chosen, [](CLI::App& c, TuneCommandOptions& o) {
        add_model(c, o, "bf16");
        c.add_option("--detox", o.detox, detox_help("the search starts at its strength"))
            ->type_name("FILE[:S]")
            ->required();
        o.limit = 40;
        o.samples = 10;
        add_protocol(c, o);
        auto* budget =
            c.add_option("--budget", o.budget,
                         "As strong as this allows: pooled perplexity over plain's, at most; under the first judge")
                ->type_name("ppl=R");
        c.add_option("--aim", o.aim, "As weak as reaches this: EMT or mean toxicity over plain's, at most")
            ->type_name("emt=R|mean=R")
            ->excludes(budget);
        c.add_option("--tolerance", o.tolerance, "A ratio this little below its limit ends the search")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber);
        c.add_option("--max-steps", o.max_steps, "Strengths measured at most")
            ->capture_default_str()
            ->check(CLI::PositiveNumber);
        c.add_option("--max-strength", o.largest, "Largest strength tried; 0: what the method allows")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber);
        c.add_flag("--json", o.json, "JSON instead of a table");
        c.add_option("--write", o.write, "Also write a copy of the detoxifier whose default strength is the found one");
        c.add_option("-o,--output", o.output, "Folder for tune.json and the evaluations; a rerun continues from it")
            ->required();
      });
  command<MultipleChoiceOptions>(
      app, "multiple-choice",
      "Share of questions whose right choice the model finds likeliest: what detoxification cost",
      "limpid multiple-choice -m smollm2-135m-instruct arc_easy.jsonl --detox f.detox.safetensors", h.multiple_choice,
      chosen, [](CLI::App& c, MultipleChoiceOptions& o) {
        add_model(c, o, "bf16");
        c.add_option("file", o.file, "jsonl {\"question\", \"choices\", \"answer\" (index from 0), \"category\"}")
            ->required();
        add_detox(c, o.detox);
        c.add_option("--format", o.format,
                     "answer: \"Question: … Answer:\" and the choice's text; letter: the choices are listed and "
                     "letters compared; "
                     "continuation: the choice goes on where the question ends")
            ->check(CLI::IsMember({"answer", "letter", "continuation"}))
            ->capture_default_str();
        c.add_option("--shots", o.shots,
                     "The first so many questions of each category are shown with their answers, and not asked")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber);
        c.add_option("--limit", o.limit, "Only the first questions; 0 is all")->capture_default_str();
        c.add_option("--rows", o.rows, "Choices read together")->capture_default_str()->check(CLI::PositiveNumber);
        c.add_flag("--json", o.json, "JSON instead of a table");
        c.add_option("-o,--output", o.output, "Also write each question's log-likelihoods (jsonl)");
      });
  command<PlotOptions>(
      app, "plot", "Toxicity against perplexity of one or more evaluations, as SVG",
      "limpid plot out/fusion out/destein -o curve.svg", h.plot, chosen, [](CLI::App& c, PlotOptions& o) {
        c.add_option("folders", o.folders,
                     "Output folders of limpid evaluate or tune; a setting that several have is taken from the first")
            ->required();
        c.add_option("--only", o.only, "Draw these settings beside plain, by name without strength; default: all")
            ->delimiter(',')
            ->type_name("NAME,…");
        c.add_option("-o,--output", o.output, "Where to write")->required();
        add_common(c, o);
      });
}

}  // namespace limpid::apps
