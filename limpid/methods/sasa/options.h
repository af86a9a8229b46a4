#pragma once

#include <optional>
#include <string>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/core/names.h"

/// Options of `limpid fit sasa`. No LibTorch here: the command line binds to these structs.
namespace limpid::sasa {

enum class SasaRule {
  Paper,    ///< z + beta margin on the candidates, and nothing else is drawn
  AsCoded,  ///< z + beta softmax(margins) on the candidates, the rest stays as it is: what was released
};
inline constexpr const char* kSasaRules[] = {"paper", "as_coded"};
constexpr Names names_of(SasaRule) { return kSasaRules; }

struct SubspaceOptions {
  double shrinkage = 0.0;     ///< rho: adds rho trace(Sigma) / D to the diagonal; for fewer texts than dimensions
  double cut = 1e-6;          ///< eigenvalues up to this count as 0
  bool absolute_cut = false;  ///< as released; otherwise the cut is relative to the largest eigenvalue
};

struct SasaFit {
  fs::path output;
  std::vector<std::string> nontoxic, toxic;
  int64_t max_tokens = 128;  ///< of a text; what is longer loses its end
  SubspaceOptions subspace{.shrinkage = 0.1};
  SasaRule rule = SasaRule::Paper;
  int64_t candidates = 40;
  std::optional<float> strength;  ///< otherwise the odds of the subspace
  Json provenance = Json::object();
};

}  // namespace limpid::sasa
