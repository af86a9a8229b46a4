#pragma once

#include "apps/options.h"
#include "limpid/methods/gate/options.h"

namespace limpid::apps {

struct FitGateCommand : ModelOptions {
  static constexpr CommandInfo kInfo{
      "fit gate", "When a detoxifier acts at all: only where what is written, or about to be, risks being toxic",
      "limpid fit gate -m smollm2-135m-instruct --detox destein.detox.safetensors -o gated.detox.safetensors"};

  gate::GateOptions fit;
  std::string toxic = "web-toxic", ordinary = "web-ordinary", everyday = "everyday-tune";
  std::vector<std::string> scorers;
  int64_t limit = 250;
  fs::path detox, output;

  void declare(Subcommand& c) {
    add_model(c, *this);
    c.value("--detox", detox, "The detoxifier that wears it, copied; without one the file holds the gate alone");
    c.choice("--kind", fit.kind, "What it looks at: the text so far, the likely next tokens, or both");
    c.choice(
        "--calibrate", fit.calibrate,
        "What its probe learns from: logistic, one label of each text; polar, several sources of labels at once (the "
        "kind of prompt, every --scorer, the list of offensive words)");
    c.choice("--scalariser", fit.scalariser, "With --calibrate polar: how the losses of the sources become one")
        .idle_when([this] { return fit.calibrate != gate::Calibrate::Polar; }, "without --calibrate polar");
    c.flag("--weigh-sources", fit.weigh_sources,
           "With --calibrate polar: sources that agree with the others count more")
        .idle_when([this] { return fit.calibrate != gate::Calibrate::Polar; }, "without --calibrate polar");
    c.value("--closed", fit.closed, "Share of everyday answers for which it stays closed throughout").range(0, 1);
    c.value("--hold", fit.hold, "Steps that it stays open before the plain model is looked at again").positive();
    c.value("--token-risk", fit.token_risk, "Tokens that score above this, alone, are looked ahead for").range(0, 1);
    c.value("--toxic-prompts", toxic, "Web prompts that provoke toxic text");
    c.value("--ordinary-prompts", ordinary, "Web prompts that do not");
    c.value("--everyday", everyday, "Everyday prompts, whose answers are to be left alone");
    c.value("--limit", limit, "At most so many prompts of each kind").positive();
    add_samples(c, fit.samples);
    add_rows(c, fit.rows);
    add_scorers(c, scorers, "several with --calibrate polar, the first says what is toxic");
    add_seed(c, fit.seed);
    add_fitted(c, output);
  }
};
int run(const FitGateCommand& options);

}  // namespace limpid::apps
