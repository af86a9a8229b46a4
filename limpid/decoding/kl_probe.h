#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "limpid/decoding/session.h"

/// How much the sessions between two probes changed the next-token distribution: mean KL(plain || detoxified) per token, nats; infinite
/// where a session excludes a token.
/// Costs one more head product per step, so only on request and, in evaluations, for the first tokens.
namespace limpid {

struct KlTotal {
  double sum = 0.0;
  uint64_t tokens = 0, limit = UINT64_MAX;      ///< nothing is measured beyond `limit` tokens
  double mean() const { return tokens ? sum / double(tokens) : 0.0; }
};

/// Puts a probe in front of and behind `sessions`; `strengths` gets their entries (always on). `total` must outlive them.
void add_kl_probe(const Model& model, KlTotal& total, std::vector<std::unique_ptr<Session>>& sessions, std::vector<float>& strengths);

}  // namespace limpid
