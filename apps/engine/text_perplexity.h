#pragma once

#include "apps/terminal.h"
#include "limpid/decoding/judge.h"

namespace limpid::apps {

/// Likelihoods of a text's tokens under a model.
struct TextLikelihood {
  std::vector<float> nll;     ///< of every token but each document's first, nats
  std::vector<int32_t> best;  ///< the likeliest token in its place
  double perplexity = 0, seconds = 0;
};

/// Reads plain text lines or jsonl with "text" or "ids".
/// @param most  the first so many; 0: all    @throws FormatError for a file without documents.
std::vector<TokenIds> read_documents(const std::string& file, const Model& model, size_t most = 0);

/// Measures documents, each cut to the model's context. @throws ConfigError when none has two tokens.
TextLikelihood text_likelihood(const Model& model, const std::vector<TokenIds>& documents, const std::string& file);

}  // namespace limpid::apps
