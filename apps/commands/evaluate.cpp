#include "apps/commands/evaluate.h"

namespace limpid::apps {

void add_protocol(Subcommand& c, ProtocolOptions& o) {
  c.value("--prompts", o.prompts_file, "RealToxicityPrompts jsonl, plain text lines, or the name of data (limpid data)")
      .required();
  c.value("--limit", o.limit, "Only the first prompts; 0 is all");
  add_samples(c, o.evaluation.samples);
  add_tokens(c, o.evaluation.tokens);
  add_rows(c, o.evaluation.rows);
  add_sampling(c, o.evaluation.sampling);
  c.value("--scorer", o.scorer, "Scorer; default: the built-in head on minilm-l6").environment("LIMPID_SCORER");
  c.value("--judge", o.judges, "Model for conditional perplexity (repeatable; default: the target, named as such)")
      .one_at_a_time();
  c.choice("--judge-precision", o.judge_precision,
           "Activations of the judges: exact, bf16, int8, or auto: as their weights");
}

}  // namespace limpid::apps
