#pragma once

#include <memory>

#include "limpid/server/http/exchange.h"
#include "limpid/server/scoring.h"

/// Routes over the scorer and the encoder. Each reads and checks its request here and now, and answers when the work
/// is done; what a client that has gone asked for is not done any further.
/// @throws ApiError for a bad request, and 404 `not_loaded` where there is no scorer or encoder (null)
namespace limpid::server {

void answer_moderation(const std::shared_ptr<Exchange>& exchange, TextScorer* scorer);
void answer_comment(const std::shared_ptr<Exchange>& exchange, TextScorer* scorer);
void answer_embeddings(const std::shared_ptr<Exchange>& exchange, TextEmbedder* embedder);

}  // namespace limpid::server
