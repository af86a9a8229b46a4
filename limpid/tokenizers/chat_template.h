#pragma once

#include <string>
#include <string_view>

namespace limpid {

/// A jinja template in one spelling: blocks trimmed as in transformers (trim_blocks, lstrip_blocks), no spaces in tags,
/// single quotes, m['x'] for m.x, neighbouring literals joined. A default system prompt of ChatML is taken out.
struct CanonicalTemplate {
  std::string source;
  std::string default_system;
};
CanonicalTemplate canonical_template(std::string_view source);

}  // namespace limpid
