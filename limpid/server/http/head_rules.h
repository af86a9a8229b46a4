#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "limpid/server/api_error.h"
#include "limpid/server/http/exchange.h"

/// What the head of a request may look like. Two readers of one message that understand it differently are how requests
/// are smuggled, so whatever could be read in two ways is refused here, before a parser that forgives sees it.
namespace limpid::server {

inline constexpr size_t kMaxLine = 8 << 10;      ///< bytes of the request line or of one header line
inline constexpr size_t kMaxHeaders = 64 << 10;  ///< bytes of the headers together
inline constexpr size_t kMaxHeaderCount = 100;

/// Looks for the end of a head in bytes that arrive piece by piece; each byte is looked at once.
class HeadScan {
 public:
  /// @param bytes  all that has come of the request
  /// @return where the head ends, its empty line included; nothing when it has not come yet
  /// @throws ApiError 400 for a line that is no line of HTTP, 431 for one of the limits, also before the line has ended
  std::optional<size_t> find_end(std::string_view bytes);

 private:
  void check_line(std::string_view line) const;

  size_t scanned_ = 0;     // bytes that hold no further newline
  size_t line_begin_ = 0;  // of the line that has not ended
  size_t headers_begin_ = 0, header_count_ = 0;
};

/// What the headers say of the body that follows.
struct BodyRules {
  bool chunked = false;
  size_t length = 0;  ///< where it is not chunked
};

/// @param http11  whether the version is 1.1 rather than 1.0
/// @throws ApiError 400 for a length that is none, lengths that differ, a length beside a transfer coding, no Host or
///         several; 413, 415 or 501 for a body that is too large, encoded, or transferred in a way we do not know
BodyRules check_headers(const Headers& headers, bool http11, size_t max_body);

/// Returns "request_too_large" with a message that names the limit.
ApiError body_too_large(size_t max_body);

}  // namespace limpid::server
