#pragma once

#include "apps/options.h"
#include "limpid/methods/gedi/options.h"

namespace limpid::apps {

struct FitGediCommand : ModelOptions {
  static constexpr CommandInfo kInfo{
      "fit gedi",
      "A class-conditional guide says of each next token how clean the text would be with it (arXiv 2009.06367)",
      "limpid fit gedi -m base/ --guide gedi/ --codes clean=clean,dirty=dirty --scale 1.6 -o "
      "gedi.detox.safetensors"};

  GediFit fit;

  void declare(Subcommand& c) {
    add_model(c, *this, Precision::BF16);
    c.value("--guide", fit.guide,
            "Model trained behind control codes, of the target's vocabulary (path or pulled name)")
        .required();
    c.action<std::vector<std::string>>("--codes",
                                       "Control codes clean=CODE,dirty=CODE, each a text or ids as #5 or #5#17",
                                       [this](const std::vector<std::string>& codes) { set_codes(codes); })
        .comma_separated()
        .required();
    c.value("--scale", fit.rule.scale, "Learned scale of the guide");
    c.value("--bias", fit.rule.bias, "Learned biases of the guide: CLEAN,DIRTY").comma_separated();
    c.value("--class-bias", fit.rule.class_bias,
            "Default of the file: added to clean; the filter's target moves along");
    c.value("--filter-p", fit.rule.filter_p,
            "Default of the file: of the least clean tokens, up to this mass is removed");
    c.value("--target-p", fit.rule.target_p, "Default of the file: tokens at least so probably clean stay");
    c.value("--strength,--omega", fit.strength, "Default strength stored in the file: omega");
    add_fitted(c, fit.output);
  }

 private:
  void set_codes(const std::vector<std::string>& codes) {
    for (const std::string& code : codes) {
      const bool clean = code.starts_with("clean="), dirty = code.starts_with("dirty=");
      LIMPID_CHECK(clean || dirty, ConfigError, "expected clean=CODE,dirty=CODE");
      fit.codes[dirty] = code.substr(6);
    }
  }
};
int run(const FitGediCommand& options);

}  // namespace limpid::apps
