#pragma once

#include <memory>
#include <string>

namespace CLI {
class FormatterBase;
}

namespace limpid::apps {

/// Returns how wide the help may be: the terminal's width (COLUMNS, if it is set), within 60 and 120; 100 elsewhere.
size_t help_width();

/// Returns the text with its lines broken between words, at most `width` long.
/// @param indent  spaces in front of each line but the first
std::string wrapped(const std::string& text, size_t width, size_t indent = 0);

/// Returns what lays out the help of commands: two columns, broken to help_width().
std::shared_ptr<CLI::FormatterBase> help_formatter();

}  // namespace limpid::apps
