#pragma once

#include "limpid/decoding/sampler.h"
#include "limpid/server/facts.h"
#include "limpid/server/requests/fields.h"

namespace limpid::server {

/// Returns how a request wants its tokens drawn; the seed is drawn below 2^53 where it names none. @throws ApiError 400
SamplingOptions read_sampling(Fields& body, const ServerFacts& facts);

}  // namespace limpid::server
