#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "limpid/decoding/session.h"

/// How much the sessions in front of a probe changed the next-token distribution: mean KL(detoxified || plain) per
/// token, nats. The plain model reads the same text along, so a probe doubles the work of a step: only on request and,
/// in evaluations, for the first prompts. (This direction of the divergence stays finite where a method removes
/// tokens.)
namespace limpid {

struct KlTotal {
  double sum = 0.0;
  uint64_t tokens = 0;
  double mean() const { return tokens ? sum / double(tokens) : 0.0; }
  void add(const KlTotal& other) { sum += other.sum, tokens += other.tokens; }
};

/// What a probe measured of each text, by prompt and sample; the first token of a prompt's samples, whose distribution
/// they share, counts once, with the first of them. A text's numbers are the same bits whatever is decoded beside it.
using KlTotals = std::map<std::pair<uint64_t, uint64_t>, KlTotal>;

KlTotal sum_of(const KlTotals& totals);  ///< in the order of the texts

/// Puts a probe behind `sessions`; `strengths` gets its entry, 1: a request where it is 0 is not measured, and not read
/// along. `totals` must outlive it.
void add_kl_probe(const Model& model, KlTotals& totals, std::vector<std::unique_ptr<Session>>& sessions,
                  std::vector<float>& strengths);

}  // namespace limpid
