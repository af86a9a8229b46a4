#pragma once

#include "apps/options.h"
#include "limpid/methods/toxification_reversal/options.h"

namespace limpid::apps {

struct FitReversalCommand : ModelOptions {
  static constexpr CommandInfo kInfo{
      "fit toxification-reversal", "The opposite of what a toxic description does to the heads (arXiv 2310.09573)",
      "limpid fit toxification-reversal -m smollm2-135m-instruct -o reversal.detox.safetensors"};

  toxification_reversal::ReversalFit fit;

  void declare(Subcommand& c) {
    add_model(c, *this, Precision::BF16);
    c.value("--prefix", fit.prefix, "Toxic description that is put before the prompt; default: the paper's")
        .hide_default();
    c.value("--norm-exponent", fit.exponents.norm, "Of 1 + the length of a head's difference").not_negative();
    c.value("--similarity-exponent", fit.exponents.similarity, "Of 1 + a head's likeness to the description's end")
        .not_negative();
    c.value("--strength", fit.strength, "Default strength stored in the file: factor on the difference").not_negative();
    add_fitted(c, fit.output);
  }
};
int run(const FitReversalCommand& options);

}  // namespace limpid::apps
