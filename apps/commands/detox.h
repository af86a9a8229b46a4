#pragma once

#include "apps/options.h"
#include "limpid/evaluation/detox_options.h"

namespace limpid::apps {

struct DetoxCommand : ModelOptions {
  static constexpr CommandInfo kInfo{"detox",
                                     "One command from a model to a detoxifier for it, with a report of what it does",
                                     "limpid detox -m smollm2-135m-instruct -o my.detox.safetensors"};

  DetoxOptions detox;
  std::string scorer;

  void declare(Subcommand& c) {
    add_model(c, *this);
    c.value(
         "-o,--output", detox.output,
         "The detoxifier file; its report (.html, .json) and a folder .work, from which a rerun goes on, lie beside it")
        .required();
    c.flag(
        "--thorough", detox.thorough,
        "Also train two calibrators on the model's own text, whose contrast acts beside the steering, and search both "
        "strengths");
    c.value(
        "--minutes", detox.minutes,
        "About so long, for a model of 135 million weights on two cores: more is measured, and with --thorough learned "
        "from; default 15, with --thorough 60");
    c.value("--ppl-budget", detox.budgets.perplexity, "At most so many times plain's perplexity").positive();
    c.value("--ordinary-budget", detox.budgets.identical,
            "Share of everyday answers that stay the same, at least: where the gate opens is set by it")
        .range(0, 1);
    c.value("--pairs", detox.pairs, "Steering pairs, drawn from paradetox").positive();
    c.value("--with", detox.with, "Another detoxifier for this model that acts beside the steering (repeatable)")
        .type_name("FILE[:S]")
        .one_at_a_time();
    add_rows(c, detox.rows);
    add_scorer(c, scorer);
    add_seed(c, detox.seed);
  }
};
int run(const DetoxCommand& options);

}  // namespace limpid::apps
