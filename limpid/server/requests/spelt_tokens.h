#pragma once

#include <string>
#include <vector>

#include "limpid/tokenizers/chat.h"

namespace limpid::server {

/// Turns in whose contents every spelling of a special token has a mark inside.
struct MarkedTurns {
  std::vector<Turn> turns;
  std::string mark;  ///< a character that no content has; empty where nothing was marked
};

/// See Note [Special tokens in contents]. @throws ApiError 400 where contents leave no character for the mark
MarkedTurns mark_spelt_tokens(std::vector<Turn> turns, const Tokenizer& tokenizer);

}  // namespace limpid::server
