#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "limpid/metrics/table.h"

/// Pages of HTML that need nothing else, neither scripts nor other files: readable on a wide screen and on a phone, by
/// day and by night. Each function returns a piece of HTML; document() makes a page of them.
namespace limpid::page {

/// Returns `text` for HTML: & < > " are escaped, line breaks stay, other control characters become spaces.
std::string escape(std::string_view text);

std::string heading(int level, std::string_view text);
std::string paragraph(std::string_view text);

/// Returns a table; where it is wider than the screen, it scrolls by itself.
std::string table(const Table& table);

/// Returns a drawing with a caption below it.
std::string figure(const std::string& svg, std::string_view caption);

/// One of several texts to be read beside each other.
struct Pane {
  std::string title, text;
  size_t same = 0;  ///< bytes at the start of the text that the others have too: shown paler
};

/// Returns the texts beside each other, or below each other on a narrow screen; their line breaks stay.
std::string side_by_side(std::string_view heading, const std::vector<Pane>& panes);

/// Returns the whole page.
std::string document(std::string_view title, const std::string& body);

}  // namespace limpid::page
