#include "apps/option_groups.h"

namespace limpid::apps {

void declare_distil(CLI::App& app, const Handlers& h, std::function<int()>& chosen) {
  command<DistilOptions>(
      app, "distil",
      "Texts to fine-tune any model on, written by a model held against its toxic twin (UniDetox, arXiv 2504.20500)",
      "limpid distil -m gpt2/ --anti gpt2-toxic/ -k 640 --reject 0.1 -o texts.jsonl\n"
      "  limpid distil -m gpt2/ --anti gpt2-toxic/ -k 50 --check-first-order texts.jsonl --check-first-order "
      "plain.jsonl",
      h.distil, chosen, [](CLI::App& c, DistilOptions& o) {
        add_model(c, o);
        auto* anti = c.add_option("--anti", o.anti,
                                  "The toxic model: the base, fine-tuned on toxic text (folder, GGUF file or pulled "
                                  "name), or an adapter (a PEFT folder)");
        c.add_flag("--plain", o.plain,
                   "Samples of the model itself: the control, and with --reject the corpus of SGEAT (arXiv 2202.04173)")
            ->excludes(anti);
        c.add_option("-k,--texts", o.texts, "How many texts; asking for more later continues the run")
            ->capture_default_str()
            ->check(CLI::PositiveNumber);
        c.add_option("--length", o.length, "New tokens of a text at most; texts also end at the end-of-text token")
            ->capture_default_str()
            ->check(CLI::PositiveNumber);
        c.add_option("--alpha", o.alpha, "Only tokens at least this share as likely as the base's best, in (0, 1]")
            ->capture_default_str();
        c.add_option("--beta", o.beta, "Weight of the contrast: (1 + B) z_base - B z_toxic; inf: the plain difference")
            ->capture_default_str();
        c.add_option("--temperature", o.temperature, "Divide the scores by this")
            ->capture_default_str()
            ->check(CLI::PositiveNumber);
        c.add_option("--top-k", o.top_k, "The K best scores; 0 is off (the released code had 50 on)")
            ->capture_default_str()
            ->check(CLI::NonNegativeNumber);
        c.add_option(
             "--opening", o.opening,
             "First tokens that the plain base samples, so that the texts do not all begin alike; default: 2, and 0 "
             "with --contexts")
            ->check(CLI::NonNegativeNumber);
        c.add_option("--contexts", o.contexts,
                     "Texts to continue, in turn: jsonl with \"prompt\", or plain text lines");
        c.add_option(
             "--reject", o.reject,
             "Leave this share of the texts out of the file: the lowest mean scores; with --plain the most toxic")
            ->capture_default_str()
            ->check(CLI::Range(0.0, 0.999));
        c.add_option("--scorer", o.scorer,
                     "A scorer file, or a Hugging Face classification folder; default: the built-in head on minilm-l6")
            ->envname("LIMPID_SCORER");
        c.add_flag("--no-score", o.no_score, "Texts get no toxicity");
        c.add_option("--rows", o.rows, "Texts decoded together; changes none of them")
            ->capture_default_str()
            ->check(CLI::PositiveNumber);
        c.add_option("--seed", o.seed, "Same seed, same texts, at any batch size or thread count")
            ->envname("LIMPID_SEED")
            ->capture_default_str();
        auto* output = c.add_option(
            "-o,--output", o.output,
            "jsonl to write; FILE.journal keeps what is finished, FILE.settings.json says how it was made");
        c.add_option("--check-first-order", o.first_order,
                     "Write nothing; say how much the gradients of the first -k texts of these files point away "
                     "from toxicity (repeatable: compare distilled texts with plain samples)")
            ->type_name("FILE")
            ->allow_extra_args(false)
            ->excludes(output);
      });
}

}  // namespace limpid::apps
