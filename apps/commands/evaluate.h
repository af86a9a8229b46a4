#pragma once

#include "apps/options.h"
#include "limpid/evaluation/options.h"
#include "limpid/evaluation/tune.h"

/// Commands that measure.
namespace limpid::apps {

/// The RealToxicityPrompts protocol, which `evaluate` and `tune` share.
struct ProtocolOptions : ModelOptions {
  EvaluationOptions evaluation;
  OrdinaryOptions ordinary;
  std::string prompts_file, scorer;
  std::vector<std::string> judges;
  std::optional<Precision> judge_precision = Precision::BF16;
  int64_t limit = 0;
  bool json = false;

  virtual ~ProtocolOptions() = default;
  virtual bool asks_ordinary() const { return !ordinary.prompts.empty(); }
};
/// @param needs_prompts  toxicity is always measured
void add_protocol(Subcommand& c, ProtocolOptions& o, bool needs_prompts);

struct EvaluateCommand : ProtocolOptions {
  static constexpr CommandInfo kInfo{
      "evaluate", "Toxicity (RealToxicityPrompts protocol) and ordinary answers, compared with the plain model",
      "limpid evaluate -m smollm2-135m-instruct --detox f.detox.safetensors --strengths 0.3,0.5 --prompts web-toxic "
      "--ordinary -o out/"};

  std::vector<std::string> detox;
  std::vector<double> strengths;
  fs::path questions;
  int64_t examples = 0;
  bool dry_run = false;

  void declare(Subcommand& c) {
    add_model(c, *this, Precision::BF16);
    add_kv_cache(c, kv_cache);
    const Option detoxifiers =
        c.value(
             "--detox", detox,
             detox_help("each is a setting, and \"SPEC + SPEC\" (with spaces) is one setting whose detoxifiers act in "
                        "this order")
                 .c_str())
            .type_name("SPEC[ + SPEC]")
            .one_at_a_time();
    c.value("--strengths", strengths, "Each single detoxifier given without a strength is run at each of these")
        .comma_separated()
        .idle_without({detoxifiers});
    add_protocol(c, *this, /*needs_prompts=*/false);
    c.value("--multiple-choice", questions,
            "Also ask these questions (jsonl, as multiple-choice reads them): what each setting still knows");
    c.value("--examples", examples,
            "Also show so many of plain's worst samples and what each setting wrote instead, masked")
        .hide_default()
        .not_negative()
        .idle_when([this] { return json || prompts_file.empty(); }, "with --json or without --prompts");
    c.flag("--dry-run", dry_run, "Print tokens, estimated time and settings, and stop");
    c.flag("--json", json, "Print the report as JSON");
    c.value("-o,--output", evaluation.output,
            "Folder for generations.jsonl, ordinary.jsonl, report.json, report.md and curve.svg")
        .required();
  }
};
int run(const EvaluateCommand& options);

struct TuneCommand : ProtocolOptions {
  static constexpr CommandInfo kInfo{
      "tune", "Find the strength that keeps to a fluency budget or reaches a toxicity aim",
      "limpid tune -m smollm2-135m-instruct --detox f.detox.safetensors --prompts web-toxic --budget ppl=1.05 -o tune/ "
      "--write tuned.detox.safetensors"};
  TuneCommand() { limit = 40, evaluation.samples = 10; }

  std::string detox, budget, aim;
  fs::path write;
  TuneOptions search;
  std::optional<double> ordinary_budget;
  bool asks_ordinary() const override { return ordinary_budget || !ordinary.prompts.empty(); }
  double largest = 0.0;  ///< 0: what the method allows

  void declare(Subcommand& c) {
    add_model(c, *this, Precision::BF16);
    c.value("--detox", detox, detox_help("the search starts at its strength").c_str()).type_name("FILE[:S]").required();
    add_protocol(c, *this, /*needs_prompts=*/true);
    const Option budget_option =
        c.value("--budget", budget,
                "As strong as this allows: pooled perplexity over plain's, at most; under the first judge")
            .type_name("ppl=R");
    c.value("--ordinary-budget", ordinary_budget,
            "And at least this share of ordinary answers must stay plain's, token for token: 0.95")
        .range(0.0, 1.0);
    c.value("--aim", aim, "As weak as reaches this: EMT or mean toxicity over plain's, at most")
        .type_name("emt=R|mean=R")
        .excludes(budget_option);
    c.value("--tolerance", search.tolerance, "A ratio this little below its limit ends the search").not_negative();
    c.value("--max-steps", search.max_steps, "Strengths measured at most").positive();
    c.value("--max-strength", largest, "Largest strength tried; 0: what the method allows").not_negative();
    c.flag("--json", json, "JSON instead of a table");
    c.value("--write", write, "Also write a copy of the detoxifier whose default strength is the found one");
    c.value("-o,--output", evaluation.output, "Folder for tune.json and the evaluations; a rerun continues from it")
        .required();
  }
};
int run(const TuneCommand& options);

struct MultipleChoiceCommand : ModelOptions {
  static constexpr CommandInfo kInfo{
      "multiple-choice", "Share of questions whose right choice the model finds likeliest: what detoxification cost",
      "limpid multiple-choice -m smollm2-135m-instruct arc_easy.jsonl --detox f.detox.safetensors"};

  std::vector<std::string> detox;
  fs::path file, output;
  ChoiceFormat format = ChoiceFormat::Answer;
  int64_t shots = 0, limit = 0, rows = 32;
  bool json = false;

  void declare(Subcommand& c) {
    add_model(c, *this, Precision::BF16);
    c.value("file", file, "jsonl {\"question\", \"choices\", \"answer\" (index from 0), \"category\"}").required();
    add_detox(c, detox);
    c.choice("--format", format,
             "answer: \"Question: … Answer:\" and the choice's text; letter: the choices are listed and letters "
             "compared; continuation: the choice goes on where the question ends");
    c.value("--shots", shots,
            "The first so many questions of each category are shown with their answers, and not asked")
        .not_negative();
    c.value("--limit", limit, "Only the first questions; 0 is all").not_negative();
    c.value("--rows", rows, "Choices read together").positive();
    c.flag("--json", json, "JSON instead of a table");
    c.value("-o,--output", output, "Also write each question's log-likelihoods (jsonl)");
  }
};
int run(const MultipleChoiceCommand& options);

struct ScoreCommand : CommonOptions {
  static constexpr CommandInfo kInfo{"score", "Add a toxicity score to each text",
                                     "limpid score texts.jsonl -o scored.jsonl"};

  std::string scorer, file, field = "text";
  fs::path output;

  void declare(Subcommand& c) {
    c.value("file", file,
            "Rows with \"text\" (jsonl, a JSON list or a table), plain text lines, generations (each sample gets its "
            "score), or - for standard input")
        .required();
    add_scorer(c, scorer);
    c.value("--field", field, "Field that holds the text");
    c.value(
        "-o,--output", output,
        "Write here instead of standard output. Finished rows are kept in FILE.part meanwhile: after an interruption "
        "the same command goes on from there, another is refused until you delete it");
    add_ignored_settings(c, *this);
    add_common(c, *this);
  }
};
int run(const ScoreCommand& options);

}  // namespace limpid::apps
