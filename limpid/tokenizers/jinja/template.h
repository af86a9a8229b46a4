#pragma once

#include <memory>
#include <nlohmann/json.hpp>

#include "limpid/tokenizers/jinja/limits.h"

/// Chat templates: Jinja as transformers 5 sets it up (a sandbox in which nothing changes, trim_blocks, lstrip_blocks,
/// break and continue, generation blocks), without what needs files or Python: no include, import, extends or block.
/// Integers have 64 bits; of letters with several upper case characters only ß is known.
namespace limpid::jinja {

using OrderedJson = nlohmann::ordered_json;

class Template {
 public:
  /// @throws FormatError, one line with the place, for a source that is none.
  explicit Template(std::string_view source);
  ~Template();

  /// Returns what the template makes of the context's members, which it sees as variables.
  /// @throws ConfigError, one line: the message of the template's own raise_exception, or what went wrong on which
  /// line; also when it goes beyond the limits.
  std::string render(const OrderedJson& context, const Limits& limits = {}) const;

 private:
  struct Tree;
  std::unique_ptr<const Tree> tree_;
};

}  // namespace limpid::jinja
