#pragma once

#include <optional>
#include <string>
#include <string_view>

/// Small texts of HTTP.
namespace limpid::server {

/// Returns whether two texts are equal but for the case of ASCII letters.
bool same_word(std::string_view a, std::string_view b);

/// Returns the text with %XX replaced by the bytes that are meant; nothing for a % that is not followed by two
/// hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text);

/// Returns the decoded value of the first `name=…` of a query; nothing where there is none.
std::optional<std::string> query_value(std::string_view query, std::string_view name);

/// Returns whether the text consists of visible ASCII characters only.
bool is_visible(std::string_view text);

}  // namespace limpid::server
