#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "limpid/decoding/session.h"

/// How much the sessions in front of a probe changed the next-token distribution: mean KL(detoxified || plain) per
/// token, nats. The plain model reads the same text along, so a probe doubles the work of a step: only on request and,
/// in evaluations, for the first tokens. (This direction of the divergence stays finite where a method removes tokens.)
namespace limpid {

struct KlTotal {
  double sum = 0.0;
  uint64_t tokens = 0, limit = UINT64_MAX;  ///< nothing is measured beyond `limit` tokens
  double mean() const { return tokens ? sum / double(tokens) : 0.0; }
};

/// Puts a probe behind `sessions`; `strengths` gets its entry (always on). `total` must outlive it.
void add_kl_probe(const Model& model, KlTotal& total, std::vector<std::unique_ptr<Session>>& sessions,
                  std::vector<float>& strengths);

}  // namespace limpid
