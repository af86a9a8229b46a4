#pragma once

#include "apps/options.h"
#include "limpid/decoding/options.h"

namespace limpid::apps {

struct ChatCommand : ModelOptions {
  static constexpr CommandInfo kInfo{"chat", "Talk with a model, with or without detoxifiers",
                                     "limpid chat -m smollm2-135m-instruct --detox smollm2-135m-instruct"};

  std::vector<std::string> detox;
  int64_t tokens = 512;      ///< of an answer, at most
  SamplingChoices sampling;  ///< as given
  uint64_t seed = 0;
  bool plain_sampling = false;
  std::optional<std::string> system;

  void declare(Subcommand& c) {
    add_model(c, *this);
    add_kv_cache(c, kv_cache);
    add_detox(c, detox);
    add_tokens(c, tokens);
    add_sampling(c, sampling, seed);
    c.value("--system", system, "A system turn in front; /system TEXT changes it");
    c.flag("--plain-sampling", plain_sampling, "Sample as the options say and not as the model's files ask");
  }
};
int run(const ChatCommand& options);

}  // namespace limpid::apps
