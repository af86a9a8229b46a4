#pragma once

#include <string>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/methods/self_debiasing/method.h"

/// Options of `limpid fit self-debiasing`. No LibTorch here: the command line binds to these structs.
namespace limpid::self_debiasing {

/// Returns the six descriptions of the paper, each a line of its own.
inline std::vector<std::string> debiasing_descriptions() {
  std::vector<std::string> lines;
  for (const char* what : {"rude, disrespectful, or unreasonable language",
                           "very hateful, aggressive, disrespectful language", "sexually explicit language", "a threat",
                           "negative or hateful language targeting someone because of their identity",
                           "swear words, curse words, or other obscene or profane language"})
    lines.push_back(concat("The following text contains ", what, ":\n"));
  return lines;
}

struct DebiasingFit {
  fs::path output;
  /// A line break is added where one does not end with it.
  std::vector<std::string> prefixes = debiasing_descriptions();
  double epsilon = 0.01;
  float strength = *SelfDebiasingMethod::info.strength.usual;
  Json provenance = Json::object();
};

}  // namespace limpid::self_debiasing
