#pragma once

#include <string>
#include <vector>

#include "limpid/core/json.h"
#include "limpid/server/scoring.h"

/// POST /v1/embeddings: texts as vectors of length 1.
namespace limpid::server {

struct EmbeddingRequest {
  std::vector<TokenIds> texts;       ///< ids of each, as long as the encoder reads at most
  int64_t tokens = 0;                ///< of all texts
  bool is_base64 = false;            ///< vectors are spelt as bytes of float32, little-endian
  std::vector<std::string> ignored;  ///< fields that nobody knows
};

/// Reads a request and its texts, which the encoder's tokenizer cuts; ids are taken as they are.
/// @throws ApiError of status 400, and 404 `model_not_found`
EmbeddingRequest read_embedding_request(const Json& body, const TextEmbedder& embedder);

/// Returns the answer. @param vectors  one for each text
std::string embedding_body(const EmbeddingRequest& request, const std::vector<std::vector<float>>& vectors,
                           const TextEmbedder& embedder);

}  // namespace limpid::server
