#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace limpid {

/// Returns the bytes that `text` stands for in the alphabet of RFC 4648, section 4; nothing where it is not written so.
std::optional<std::string> decode_base64(std::string_view text);
/// Returns bytes in that alphabet, filled up with "=" to a multiple of four letters.
std::string encode_base64(std::string_view bytes);

}  // namespace limpid
