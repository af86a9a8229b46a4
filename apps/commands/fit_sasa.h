#pragma once

#include "apps/options.h"
#include "limpid/methods/sasa/options.h"

namespace limpid::apps {

struct FitSasaCommand : ModelOptions {
  static constexpr CommandInfo kInfo{
      "fit sasa",
      "Candidates that lead to the non-toxic side of the model's own states become likelier (arXiv 2410.03818)",
      "limpid fit sasa -m smollm2-135m-instruct --data comments -o sasa.detox.safetensors"};

  sasa::SasaFit fit;
  DataOptions data;
  int64_t count = 1000;
  uint64_t seed = 1;

  void declare(Subcommand& c) {
    add_model(c, *this, Precision::BF16);
    add_labelled(c, data, count, fit.max_tokens);
    c.value("--shrinkage", fit.subspace.shrinkage, "Share of the mean variance that is added to every direction")
        .not_negative();
    c.choice("--variant", fit.rule, "Default of the file: the paper's rule, or the release's softmax of margins");
    c.value("--candidates", fit.candidates, "Default of the file: next tokens that are tried, at most").positive();
    c.value("--strength", fit.strength,
            "Default strength stored in the file: beta; else the one at which exp(beta margin) is the odds of "
            "non-toxic text");
    add_seed(c, seed);
    add_fitted(c, fit.output);
  }
};
int run(const FitSasaCommand& options);

}  // namespace limpid::apps
