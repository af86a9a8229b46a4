#pragma once

#include "apps/options.h"
#include "limpid/methods/profs/options.h"

namespace limpid::apps {

struct FitProfsCommand : ModelOptions {
  static constexpr CommandInfo kInfo{
      "fit profs", "Toxic subspaces of the feed-forward outputs, to be projected away (arXiv 2405.13967)",
      "limpid fit profs -m smollm2-135m-instruct --pairs paradetox -o profs.detox.safetensors"};

  profs::ProfsFit fit;
  DataOptions pairs;
  int64_t count = 500;
  std::string layers;

  void declare(Subcommand& c) {
    add_model(c, *this, Precision::BF16);
    add_pairs(c, pairs, count).required();
    c.value("--k", fit.k, "Dimensions of each subspace; 0: the paper's, 10, or 2 where the feed-forward is not gated")
        .not_negative();
    c.value("--layers", layers, "Layers FIRST-LAST, counted from 0; default: from 0.45 of the layers to the end");
    c.value("--max-tokens", fit.max_tokens, "Tokens per text, longer ones are cut").positive();
    c.value("--strength", fit.strength, "Default strength stored in the file; else 1, the whole projection");
    add_seed(c, fit.seed);
    add_fitted(c, fit.output);
  }
};
int run(const FitProfsCommand& options);

}  // namespace limpid::apps
