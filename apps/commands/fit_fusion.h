#pragma once

#include "apps/options.h"
#include "limpid/methods/fusion/options.h"

namespace limpid::apps {

struct FitFusionCommand : ModelOptions {
  static constexpr CommandInfo kInfo{
      "fit fusion", "Output-layer fusion with a calibration model (arXiv 2506.01266)",
      "limpid fit fusion -m smollm2-135m-instruct --calibrator calibrator/ --readout norm -o f.detox.safetensors"};

  fusion::FusionFit fit;
  DataOptions data;
  std::string base;

  void declare(Subcommand& c) {
    add_model(c, *this, Precision::BF16);
    c.value("--calibrator", fit.calibrator, "Folder of the calibrator (limpid train calibrator)").required();
    c.value("--against", fit.against, "Second 3-layer model for the contrast read-out (a toxic twin)");
    c.value("--base", base,
            "Model the calibrator was trained from, where that is not the target (path or pulled name)");
    c.choice("--store", fit.store,
             "embed: the calibrator's layers lie in the file, in 8 bits; link: the file names its folder; auto: embed "
             "where the embeddings are the target's or those of --base");
    c.choice("--readout", fit.readout,
             "How the calibrator's state enters; default: contrast with --against, else norm, which repeats itself in "
             "a chat",
             {fusion::Readout::Norm, fusion::Readout::LayerNorm, fusion::Readout::Scale, fusion::Readout::Probability,
              fusion::Readout::Contrast});
    c.choice("--align", fit.alignment, "Map between the two state spaces");
    c.value("--data", data.files, "Texts for ridge and procrustes pairs");
    c.value("--where", data.where, "Only rows with KEY=VALUE");
    c.value("--fields", data.fields, "Other names for fields").comma_separated();
    c.value("--pairs", fit.pairs, "Pairs of states");
    c.value("--lambda", fit.lambda, "Ridge penalty");
    c.value("--nce-temperature", fit.temperature, "Temperature of the contrastive alignment's cosine");
    c.value("--strength", fit.strength, "Default strength stored in the file; else the read-out's own");
    add_seed(c, fit.seed);
    add_fitted(c, fit.output);
  }
};
int run(const FitFusionCommand& options);

}  // namespace limpid::apps
