#pragma once

#include "limpid/core/error.h"
#include "limpid/tokenizers/tokenizer.h"
#include "tests/support/walk.h"

namespace limpid::testing_support {

/// @throws Skipped where there is nothing at `path`, or a kind of tokenizer that is not supported: what is refused for
/// another reason fails.
inline std::shared_ptr<const Tokenizer> open_or_skip(const fs::path& path) {
  if (!fs::exists(path)) throw Skipped(path.string() + " is not there");
  try {
    return open_tokenizer(path);
  } catch (const ConfigError& error) {
    if (std::string_view(error.what()).find("not supported") == std::string_view::npos) throw;
    throw Skipped(error.what());
  }
}

}  // namespace limpid::testing_support
