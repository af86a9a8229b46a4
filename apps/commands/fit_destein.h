#pragma once

#include "apps/options.h"
#include "limpid/methods/destein/options.h"

namespace limpid::apps {

struct FitDesteinCommand : ModelOptions {
  static constexpr CommandInfo kInfo{
      "fit destein", "Steering directions from toxic and neutral texts of the same meaning (arXiv 2404.10464)",
      "limpid fit destein -m smollm2-135m-instruct --pairs paradetox -o steer.detox.safetensors"};

  destein::SteeringFit fit;
  DataOptions pairs;
  int64_t count = 1000;
  std::string layers;
  bool self_induced = false;
  destein::SelfInducedOptions induced;
  std::string rewriter, scorer;
  fs::path prompts_file, pairs_output;
  int64_t limit = 0;

  void declare(Subcommand& c) {
    add_model(c, *this, Precision::BF16);
    Option given = add_pairs(c, pairs, count);
    add_directions(c);
    add_rule(c);
    const Option self = c.flag("--self-induced", self_induced,
                               "Make the pairs: the model's own toxic continuations, rewritten by --rewriter");
    given.excludes(self);
    add_self_induced(c, self);
    add_seed(c, fit.seed);
    add_fitted(c, fit.output);
  }

 private:
  void add_directions(Subcommand& c) {
    c.choice("--tap", fit.tap,
             "Where activations are taken and changed: true heads, slices after the output projection, or whole layer "
             "outputs");
    c.choice("--directions", fit.directions,
             "mean difference, principal component, probe weights, mean difference orthogonal to the common "
             "activation, or the random placebo");
    c.value("--window", fit.framing.window,
            "Average over the last so many positions; 0: over the text without its prefix")
        .not_negative();
    c.flag("--no-prefixes", fit.framing.prefixes, "Without the sentences that say what kind of text follows", false);
    c.flag("--chat", fit.framing.chat,
           "Put that sentence into the model's chat template as a user turn, and the text as its answer");
    c.value("--folds", fit.probes.folds, "Folds of the probes' cross-validation");
    c.value("-C", fit.probes.C, "Inverse strength of the probes' L2 penalty").positive();
  }
  void add_rule(Subcommand& c) {
    c.choice("--rule", fit.rule, "Default rule of the file");
    c.choice("--positions", fit.positions,
             "Positions that are changed: last (the prompt's last and generated ones), generated (the first new token, "
             "computed from the prompt's last position, stays unsteered), all");
    c.value("--layers", layers,
            "Layers FIRST-LAST, counted from 0, that are steered; default: the second half (as_released: all)");
    c.value("--strength", fit.strength, "Default strength stored in the file; else 0.3");
  }
  void add_self_induced(Subcommand& c, const Option& self) {
    c.value("--prompts", prompts_file, "Prompts whose continuations are tried: a file or a name (limpid data)")
        .needs(self);
    c.value("--rewriter", rewriter, "Chat model that rewrites them (path or pulled name)").needs(self);
    c.value("--scorer", scorer, "Scorer that picks them; default: the built-in one").needs(self);
    c.value("--samples", induced.samples, "Continuations per prompt").positive();
    c.value("--limit", limit, "Only the first prompts; 0 is all");
    c.value("--pairs-output", pairs_output, "Also write the pairs here (jsonl)").needs(self);
  }
};
int run(const FitDesteinCommand& options);

}  // namespace limpid::apps
