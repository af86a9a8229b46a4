#pragma once

#include "apps/options.h"

/// Commands about files and this machine, most of which need no LibTorch.
namespace limpid::apps {

struct TokenizeCommand : CommonOptions {
  static constexpr CommandInfo kInfo{"tokenize", "Texts to token ids and back",
                                     "limpid tokenize -m model.gguf texts.jsonl", Runs::Here};

  std::string model, file;
  bool no_special = false, decode = false;

  void declare(Subcommand& c) {
    c.value("-m,--model", model, "A GGUF file, a folder, a tokenizer.json, or the name of a pulled model")
        .required()
        .environment("LIMPID_MODEL");
    c.value(
         "file", file,
         "Rows with \"text\", or \"messages\" for the chat template (with --decode: \"ids\"): jsonl, a JSON list or a "
         "table; or plain text lines")
        .required();
    c.flag("--no-special", no_special, "Do not add the tokenizer's special tokens");
    c.flag("--decode", decode, "From ids to text");
    add_ignored_settings(c, *this);
    add_common(c, *this);
  }
};
int run(const TokenizeCommand& options);

struct InspectCommand : CommonOptions {
  static constexpr CommandInfo kInfo{"inspect", "Explain a file: checkpoint, detoxifier, jsonl",
                                     "limpid inspect fusion.detox.safetensors", Runs::Here};

  std::string file;
  fs::path report;
  bool json = false;

  void declare(Subcommand& c) {
    c.value("file", file, "File or folder").required();
    c.flag("--json", json, "JSON instead of text");
    c.value("--report", report,
            "Also write a page about a detoxifier (NAME.html), or only the heat map of its probes (NAME.svg)")
        .type_name("FILE");
    add_ignored_settings(c, *this);
    add_common(c, *this);
  }
};
int run(const InspectCommand& options);

struct MetricsCommand : ModelOptions {
  static constexpr CommandInfo kInfo{"metrics", "Toxicity, diversity and perplexity of a generations file",
                                     "limpid metrics generations.jsonl --judge gemma-3-270m --json", Runs::Here};

  fs::path file;
  std::string judge;
  bool json = false;

  void declare(Subcommand& c) {
    c.value("file", file, "jsonl: {\"prompt\", \"generations\": [{\"text\", \"toxicity\"}]}").required();
    const Option judged = c.value("--judge", judge, "Model that measures conditional perplexity");
    precision = Precision::Exact;
    add_precision(c, precision).idle_without({judged});
    c.flag("--json", json, "JSON instead of a table");
    add_ignored_settings(c, *this);
    add_common(c, *this);
  }
};
int run(const MetricsCommand& options);         ///< calls the engine for a judge
int run_judged(const MetricsCommand& options);  ///< in the engine

struct PlotCommand : CommonOptions {
  static constexpr CommandInfo kInfo{"plot", "Toxicity against perplexity of one or more evaluations, as SVG",
                                     "limpid plot out/fusion out/destein -o curve.svg", Runs::Here};

  std::vector<std::string> folders, only;
  fs::path output;

  void declare(Subcommand& c) {
    c.value("folders", folders,
            "Output folders of limpid evaluate or tune; a setting that several have is taken from the first")
        .required();
    c.value("--only", only, "Draw these settings beside plain, by name without strength; default: all")
        .comma_separated()
        .type_name("NAME,…");
    c.value("-o,--output", output, "Where to write").required();
    add_common(c, *this);
  }
};
int run(const PlotCommand& options);

struct CompareCommand : CommonOptions {
  static constexpr CommandInfo kInfo{"compare", "Two runs over the same prompts: what differs, and texts side by side",
                                     "limpid compare out/plain out/smollm2-demo-norm-0.5 -o page.html", Runs::Here};

  fs::path a, b, output;
  int64_t examples = 5;
  bool json = false, unmasked = false;

  void declare(Subcommand& c) {
    c.value("a", a, "A setting's folder below the output of limpid evaluate, or a generations file").required();
    c.value("b", b, "Another; differences are this one minus the first").required();
    c.value("--examples", examples, "Prompts whose texts are shown; those that differ come first").not_negative();
    c.flag("--unmasked", unmasked, "Do not mask offensive words");
    c.flag("--json", json, "The figures as JSON instead of tables and texts");
    c.value("-o,--output", output, "Also write a page (NAME.html)");
    add_common(c, *this);
  }
};
int run(const CompareCommand& options);

struct ModelsCommand : CommonOptions {
  static constexpr CommandInfo kInfo{"models", "The models that Limpid can fetch by name",
                                     "limpid models pull smollm2-135m-instruct", Runs::Here};

  bool json = false;

  void declare(Subcommand& c) { c.flag("--json", json, "JSON instead of a table"); }
};
int run(const ModelsCommand& options);

struct ModelsPullCommand : CommonOptions {
  static constexpr CommandInfo kInfo{
      "models pull", "Fetch a model (by pip), check its SHA-256 and keep it in the cache", "", Runs::Here};

  std::string name;

  void declare(Subcommand& c) { c.value("name", name, "Which").required(); }
};
int run(const ModelsPullCommand& options);

struct DataCommand : CommonOptions {
  static constexpr CommandInfo kInfo{"data",
                                     "The data that come with Limpid, which every --pairs, --prompts and --data "
                                     "takes by name",
                                     "limpid data show paradetox -n 3", Runs::Here};

  bool json = false;

  void declare(Subcommand& c) { c.flag("--json", json, "JSON instead of a table"); }
};
int run(const DataCommand& options);

struct DataShowCommand : CommonOptions {
  static constexpr CommandInfo kInfo{"data show", "The first rows of a set, offensive words masked", "", Runs::Here};

  std::string name;
  int64_t rows = 5;
  bool unmasked = false;

  void declare(Subcommand& c) {
    c.value("name", name, "Which").required();
    c.value("-n,--rows", rows, "How many").positive();
    c.flag("--unmasked", unmasked, "As they are");
    c.flag("-q,--quiet", quiet, "No note that a set is offensive");
  }
};
int run(const DataShowCommand& options);

struct DataExportCommand : CommonOptions {
  static constexpr CommandInfo kInfo{"data export", "A set as a file of its own: JSON lines (demo: plain lines)", "",
                                     Runs::Here};

  std::string name, output = "-";

  void declare(Subcommand& c) {
    c.value("name", name, "Which").required();
    c.value("-o,--output", output, "Where to write; - is standard output");
    c.flag("-q,--quiet", quiet, "No note that a set is offensive");
  }
};
int run(const DataExportCommand& options);

struct DoctorCommand : CommonOptions {
  static constexpr CommandInfo kInfo{"doctor", "What this machine has: CPU features, threads, memory speed, models",
                                     "limpid doctor", Runs::Here};

  bool json = false;

  void declare(Subcommand& c) {
    c.flag("--json", json, "JSON instead of text");
    add_common(c, *this);
  }
};
int run(const DoctorCommand& options);

}  // namespace limpid::apps
