#pragma once

#include "apps/options.h"
#include "limpid/methods/self_debiasing/options.h"

namespace limpid::apps {

struct FitDebiasingCommand : ModelOptions {
  static constexpr CommandInfo kInfo{
      "fit self-debiasing",
      "Tokens that a description of toxic text makes likelier become less likely (arXiv 2103.00453)",
      "limpid fit self-debiasing -m smollm2-135m-instruct -o debias.detox.safetensors"};

  self_debiasing::DebiasingFit fit;

  void declare(Subcommand& c) {
    add_model(c, *this, Precision::BF16);
    c.value("--prefix", fit.prefixes,
            "Description that is put before the prompt as a line of its own (repeatable); default: the paper's six")
        .hide_default()
        .one_at_a_time();
    c.value("--epsilon", fit.epsilon, "No token loses more than this factor").range(0.0, 1.0);
    c.value("--strength", fit.strength, "Default strength stored in the file: lambda").not_negative();
    add_fitted(c, fit.output);
  }
};
int run(const FitDebiasingCommand& options);

}  // namespace limpid::apps
