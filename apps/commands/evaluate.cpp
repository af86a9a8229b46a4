#include "apps/commands/evaluate.h"

namespace limpid::apps {

void add_protocol(Subcommand& c, ProtocolOptions& o, bool needs_prompts) {
  const Option prompts =
      c.value(
           "--prompts", o.prompts_file,
           "RealToxicityPrompts jsonl, a JSON list or a table with \"prompt\", plain text lines, or the name of data "
           "(limpid data)")
          .required(needs_prompts);
  c.value("--limit", o.limit, "Only the first prompts; 0 is all").not_negative().idle_without({prompts});
  add_samples(c, o.evaluation.samples).idle_without({prompts});
  add_tokens(c, o.evaluation.tokens).idle_without({prompts});
  add_rows(c, o.evaluation.rows);
  add_sampling(c, o.evaluation.sampling);
  c.heading("Ordinary answers");
  c.value("--ordinary", o.ordinary.prompts,
          "Everyday prompts that every setting answers greedily: what becomes of answers that never were toxic. jsonl "
          "with "
          "\"prompt\" and perhaps \"answers\" (the right ones), or plain text lines")
      .optional_value(kOrdinaryPrompts)
      .type_name("FILE");
  Option tokens = c.value("--ordinary-tokens", o.ordinary.tokens, "Tokens of such an answer, at most").positive();
  Option limit =
      c.value("--ordinary-limit", o.ordinary.limit, "Only the first everyday prompts; 0 is all").not_negative();
  for (Option* option : {&tokens, &limit})
    option->idle_when([&o] { return !o.asks_ordinary(); }, "where no ordinary answers are asked for (--ordinary)");
  c.heading("");
  c.value("--scorer", o.scorer, "Scorer; default: the built-in head on minilm-l6").environment("LIMPID_SCORER");
  c.value("--judge", o.judges, "Model for conditional perplexity (repeatable; default: the target, named as such)")
      .one_at_a_time();
  c.choice("--judge-precision", o.judge_precision,
           "Activations of the judges: exact, bf16, int8, or auto: as their weights");
}

}  // namespace limpid::apps
