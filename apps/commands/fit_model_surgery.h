#pragma once

#include "apps/options.h"
#include "limpid/methods/model_surgery/options.h"

namespace limpid::apps {

struct FitModelSurgeryCommand : ModelOptions {
  static constexpr CommandInfo kInfo{
      "fit model-surgery", "Gate rows that point away from toxicity, shifted along its direction (arXiv 2407.08770)",
      "limpid fit model-surgery -m smollm2-135m-instruct --data comments -o surgery.detox.safetensors"};

  model_surgery::SurgeryFit fit;
  DataOptions data;
  int64_t count = 1000;

  void declare(Subcommand& c) {
    add_model(c, *this, Precision::BF16);
    add_labelled(c, data, count, fit.max_tokens);
    c.value("--rows", fit.rows,
            "Rows that change; 0: the paper's share, 4.65 % of all (where the feed-forward has no gate: rows of its "
            "first matrix)")
        .not_negative();
    c.value("-C", fit.C, "Inverse strength of the regression's L2 penalty").positive();
    c.value("--strength", fit.strength,
            "Default strength stored in the file, in lengths of a row; else 0.5. Negative ones push the other way: "
            "measure which is milder");
    add_seed(c, fit.seed);
    add_fitted(c, fit.output);
  }
};
int run(const FitModelSurgeryCommand& options);

}  // namespace limpid::apps
