#pragma once

#include "limpid/tokenizers/jinja/value.h"

namespace limpid::jinja {

struct Token {
  enum class Kind : uint8_t {
    Data,
    OutputBegin,
    OutputEnd,
    TagBegin,
    TagEnd,
    Name,
    String,
    Integer,
    Float,
    Symbol,
    End
  };
  Kind kind;
  std::string text;  ///< what it says: of a string the unescaped text, of a number its digits without underscores
  size_t line;
};

/// What is wrong in a source, and where.
struct SyntaxFault : Fault {
  SyntaxFault(const std::string& what, size_t line) : Fault(what), line(line) {}
  size_t line;
};

/// Returns the tokens of a template; the last is End. Blocks are trimmed as transformers sets it (trim_blocks,
/// lstrip_blocks), comments and the marks of raw blocks are gone. @throws SyntaxFault
std::vector<Token> read_tokens(std::string_view source);

/// Returns a string literal's text: Python's escapes, of code points.
std::string unescape(std::string_view literal);

}  // namespace limpid::jinja
