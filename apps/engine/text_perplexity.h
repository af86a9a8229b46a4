#pragma once

#include "apps/terminal.h"
#include "limpid/decoding/judge.h"

namespace limpid::apps {

/// Likelihoods of a text's tokens under a model.
struct TextLikelihood {
  std::vector<float> nll;     ///< of every token but each document's first, nats
  std::vector<int32_t> best;  ///< the likeliest token in its place
  double perplexity = 0, seconds = 0;
  size_t failed = 0;  ///< documents whose likelihood is no number
};

struct Documents {
  std::vector<TokenIds> ids;
  size_t cut = 0;         ///< those that lost their end, which the model's context has no room for
  std::string first_cut;  ///< where the first of them stands
};

/// Reads texts, or rows with "text" or "ids", each cut to the model's context.
/// @param most  the first so many; 0: all    @throws FormatError for a file without documents.
Documents read_documents(const std::string& file, const Model& model, size_t most = 0);

/// Measures documents, and tells of those that were cut or left out. @throws ConfigError when none has two tokens.
TextLikelihood text_likelihood(const Model& model, const Documents& documents, const std::string& file);

}  // namespace limpid::apps
