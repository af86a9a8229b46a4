#pragma once

#include "apps/options.h"
#include "limpid/methods/dexperts/options.h"

namespace limpid::apps {

struct FitDexpertsCommand : ModelOptions {
  static constexpr CommandInfo kInfo{
      "fit dexperts",
      "An expert and an anti-expert, small models of the same vocabulary, correct the logits (arXiv 2105.03023)",
      "limpid fit dexperts -m base/ --anti toxic/ --expert clean/ -o experts.detox.safetensors"};

  ExpertsFit fit;
  std::string mask = "nucleus:0.9";

  void declare(Subcommand& c) {
    add_model(c, *this, Precision::BF16);
    c.value("--anti", fit.anti,
            "Model fine-tuned on toxic text (path or pulled name), or an adapter of the target (a PEFT folder)")
        .required();
    c.value("--expert", fit.expert, "Model fine-tuned on clean text; without one the target itself stands in for it");
    const Option mask_option =
        c.value("--mask", mask,
                "Default of the file, which tokens the target lets through: nucleus:P, plausibility:A (contrastive "
                "decoding: at least that share of the best token's probability), or none");
    c.action<double>("--filter-p", "Same as --mask nucleus:P", [this](double p) {
       mask = concat("nucleus:", p);
     }).excludes(mask_option);
    c.value("--strength,--alpha", fit.strength,
            "Default strength stored in the file: alpha, the weight of expert minus anti-expert");
    add_fitted(c, fit.output);
  }
};
int run(const FitDexpertsCommand& options);

}  // namespace limpid::apps
