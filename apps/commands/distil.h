#pragma once

#include "apps/options.h"
#include "limpid/methods/export.h"
#include "limpid/methods/unidetox/options.h"

/// Commands that make something for other programs.
namespace limpid::apps {

struct DistilCommand : ModelOptions {
  static constexpr CommandInfo kInfo{
      "distil",
      "Texts to fine-tune any model on, written by a model held against its toxic twin (UniDetox, arXiv 2504.20500)",
      "limpid distil -m base/ --anti toxic/ -k 640 --reject 0.1 -o texts.jsonl\n"
      "  limpid distil -m base/ --anti toxic/ -k 50 --check-first-order texts.jsonl --check-first-order "
      "plain.jsonl"};

  unidetox::DistilOptions distil;
  std::string anti, beta = "inf", scorer;
  fs::path contexts;
  std::vector<std::string> first_order;
  bool no_score = false, plain = false;

  void declare(Subcommand& c) {
    add_model(c, *this);
    const Option toxic = c.value("--anti", anti,
                                 "The toxic model: the base, fine-tuned on toxic text (folder, GGUF file or pulled "
                                 "name), or an adapter (a PEFT folder)");
    const Option samples =
        c.flag("--plain", plain,
               "Samples of the model itself: the control, and with --reject the corpus of SGEAT (arXiv 2202.04173)")
            .excludes(toxic);
    c.value("-k,--texts", distil.texts, "How many texts; asking for more later continues the run").positive();
    c.value("--length", distil.length, "New tokens of a text at most; texts also end at the end-of-text token")
        .positive();
    add_contrast(c, samples);
    add_texts_and_scores(c);
    const Option output =
        c.value("-o,--output", distil.output,
                "jsonl to write; FILE.journal keeps what is finished, FILE.settings.json says how it was made");
    c.value("--check-first-order", first_order,
            "Write nothing; say how much the gradients of the first -k texts of these files point away from toxicity "
            "(repeatable: compare distilled texts with plain samples)")
        .type_name("FILE")
        .one_at_a_time()
        .excludes(output);
  }

 private:
  /// @param samples  the option that leaves the contrast out
  void add_contrast(Subcommand& c, const Option& samples) {
    c.heading("Contrast");
    c.value("--alpha", distil.contrast.alpha,
            "Only tokens at least this share as likely as the base's best, above 0 and at most 1")
        .idle_with(samples);
    c.value("--beta", beta, "Weight of the contrast: (1 + B) z_base - B z_toxic; inf: the plain difference")
        .idle_with(samples);
    c.value("--temperature", distil.contrast.temperature, "Divide the scores by this").positive().idle_with(samples);
    c.value("--top-k", distil.contrast.top_k, "The K best scores; 0 is off (the released code had 50 on)")
        .not_negative()
        .idle_with(samples);
    c.value("--opening", distil.opening,
            "First tokens that the plain base samples, so that the texts do not all begin alike; default: 2, and 0 "
            "with --contexts")
        .not_negative()
        .idle_with(samples);
    c.heading("");
  }
  void add_texts_and_scores(Subcommand& c) {
    c.value("--contexts", contexts,
            "Texts to continue, in turn: jsonl, a JSON list or a table with \"prompt\", or plain text lines");
    c.value("--reject", distil.reject,
            "Leave this share of the texts out of the file: the lowest mean scores; with --plain the most toxic")
        .range(0.0, 0.999);
    add_scorer(c, scorer).idle_when([this] { return no_score; }, "with --no-score");
    c.flag("--no-score", no_score, "Texts get no toxicity");
    c.value("--rows", distil.rows, "Texts decoded together; changes none of them").positive();
    c.value("--seed", distil.seed, "Same seed, same texts, at any batch size or thread count")
        .environment("LIMPID_SEED");
  }
};
int run(const DistilCommand& options);

struct ExportCommand : ModelOptions {
  static constexpr CommandInfo kInfo{
      "export", "A detoxifier as what other programs read: a model with it built in, or a control vector",
      "limpid export -m smollm2-135m-instruct --detox \"steer.detox.safetensors?rule=constant:0.2\" -o steered/"};

  std::string detox;
  std::optional<ExportForm> form;  ///< none: what fits
  fs::path output;

  void declare(Subcommand& c) {
    add_model_name(c, *this);
    c.value("--detox", detox,
            "Detoxifier FILE[?key=value&…][:STRENGTH]: destein with rule constant, profs or model-surgery. What comes "
            "out steers every position, the prompt's too")
        .type_name("FILE[:S]")
        .required();
    c.choice("--to", form,
             "hf: a Hugging Face folder in float32 (profs, model-surgery, destein at tap heads or projection); "
             "control-vector: a GGUF file for llama.cpp (destein at tap layer); auto: what fits");
    c.value("-o,--output", output, "Folder or file to write").required();
    add_common(c, *this);
  }
};
int run(const ExportCommand& options);

}  // namespace limpid::apps
