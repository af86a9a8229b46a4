#include "limpid/decoding/sampling_json.h"

namespace limpid {

Json to_json(const SamplingOptions& sampling) {
  return {{"temperature", sampling.temperature},
          {"top_k", sampling.top_k},
          {"top_p", sampling.top_p},
          {"min_p", sampling.min_p},
          {"typical_p", sampling.typical_p},
          {"greedy", sampling.is_greedy()},
          {"repetition_penalty", sampling.repetition_penalty},
          {"seed", sampling.seed}};
}

}  // namespace limpid
