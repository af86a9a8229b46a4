#include "limpid/server/http/head_rules.h"

#include <algorithm>
#include <string>

#include "limpid/core/parse.h"
#include "limpid/server/http/text.h"

namespace limpid::server {

namespace {

ApiError bad_request(const std::string& message) { return {400, "bad_request", message}; }

ApiError header_too_large(const std::string& message) { return {431, "header_too_large", message}; }

bool is_name_character(char c) {
  static constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kMarks.find(c) != std::string_view::npos;
}

bool is_control(char c) { return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7f'; }

std::vector<std::string_view> values_of(const Headers& headers, std::string_view name) {
  std::vector<std::string_view> values;
  for (const auto& [field, value] : headers)
    if (same_word(field, name)) values.push_back(value);
  return values;
}

/// The one coding that bodies may come in.
void check_transfer_encoding(const std::vector<std::string_view>& values, bool http11) {
  if (!http11) throw bad_request("Transfer-Encoding: it is not part of HTTP/1.0; send Content-Length");
  size_t codings = 0;
  for (const std::string_view value : values)
    for (const std::string& coding : split(value, ',')) {
      ++codings;
      if (trimmed(coding).empty()) throw bad_request("Transfer-Encoding: an empty name, expected chunked");
      if (!same_word(trimmed(coding), "chunked"))
        throw ApiError(501, "not_implemented", "Transfer-Encoding: a coding that is not known here, expected chunked");
    }
  if (codings != 1) throw bad_request("Transfer-Encoding: chunked is named more than once");
}

/// Returns the length that all values agree on.
size_t read_content_length(const std::vector<std::string_view>& values, size_t max_body) {
  std::optional<std::string> length;
  for (const std::string_view value : values) {
    const std::string digits(trimmed(value));
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string::npos)
      throw bad_request("Content-Length: expected a plain number");
    if (length && *length != digits) throw bad_request("Content-Length: two lengths that differ");
    length = digits;
  }
  const auto number = parse_number<uint64_t>(length.value_or("0"));
  if (!number || *number > max_body) throw body_too_large(max_body);  // plain digits that are no number: beyond 64 bits
  return size_t(*number);
}

}  // namespace

ApiError body_too_large(size_t max_body) {
  return {413, "request_too_large",
          concat("the body is larger than ", max_body, " bytes, the most that is taken here")};
}

std::optional<size_t> HeadScan::find_end(std::string_view bytes) {
  for (;;) {
    const size_t newline = bytes.find('\n', scanned_);
    const size_t line_end = std::min(newline, bytes.size());
    if (line_end - line_begin_ > kMaxLine + 1)  // one more: its carriage return
      throw header_too_large(concat("a line of the request's head is longer than ", kMaxLine, " bytes"));
    if (headers_begin_ > 0 && line_end - headers_begin_ > kMaxHeaders)
      throw header_too_large(concat("the headers are longer than ", kMaxHeaders, " bytes together"));
    scanned_ = line_end;
    if (newline == std::string_view::npos) return std::nullopt;
    if (newline == line_begin_ || bytes[newline - 1] != '\r')
      throw bad_request("a line of the request's head ends without a carriage return");
    const std::string_view line = bytes.substr(line_begin_, newline - 1 - line_begin_);
    scanned_ = line_begin_ = newline + 1;
    if (line.empty()) return line_begin_;
    check_line(line);
    if (headers_begin_ == 0)
      headers_begin_ = line_begin_;
    else if (++header_count_ > kMaxHeaderCount)
      throw header_too_large(concat("there are more than ", kMaxHeaderCount, " headers"));
  }
}

void HeadScan::check_line(std::string_view line) const {
  if (std::any_of(line.begin(), line.end(), is_control))
    throw bad_request("there is a control character in the request's head");
  if (headers_begin_ == 0) {  // of the request line the parser is as strict as we are, but for this
    if (std::ranges::any_of(line, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
      throw bad_request("there is a character in the request line that is not ASCII, expected %XX");
    return;
  }
  const size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos ||
      !std::all_of(line.begin(), line.begin() + colon, is_name_character))
    throw bad_request("a header has no name, or one with spaces or other characters that names have not");
}

BodyRules check_headers(const Headers& headers, bool http11, size_t max_body) {
  const size_t hosts = values_of(headers, "Host").size();
  if (hosts > 1 || (hosts == 0 && http11))
    throw bad_request(hosts > 1 ? "Host: there are several, expected one"
                                : "Host: there is none, HTTP/1.1 asks for one");
  const auto codings = values_of(headers, "Transfer-Encoding");
  const auto lengths = values_of(headers, "Content-Length");
  if (!codings.empty() && !lengths.empty())
    throw bad_request("Content-Length stands beside Transfer-Encoding, expected one of them");
  for (const std::string_view value : values_of(headers, "Content-Encoding"))
    if (!same_word(value, "identity"))
      throw ApiError(415, "unsupported_media_type",
                     "Content-Encoding: bodies are taken as they are only, send it without");
  if (!codings.empty()) {
    check_transfer_encoding(codings, http11);
    return {.chunked = true};
  }
  return {.length = read_content_length(lengths, max_body)};
}

}  // namespace limpid::server
