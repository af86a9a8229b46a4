#include "limpid/server/http/request_reader.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "limpid/core/parse.h"
#include "limpid/server/http/text.h"

namespace limpid::server {

namespace {

namespace beast = boost::beast;
using beast::string_view;
using Code = beast::error_code;

std::string_view view(string_view text) { return {text.data(), text.size()}; }

/// Beast's parser, which lays what it finds into an HttpRequest.
class Parser : public beast::http::basic_parser<true> {
 public:
  explicit Parser(size_t max_body) : max_body_(max_body) {
    eager(true);
    header_limit(uint32_t(2 * kMaxHeaders));  // the scan in front of it is stricter
    body_limit(max_body);
  }

  HttpRequest request;
  BodyRules rules;
  bool http11 = false;

 private:
  void on_request_impl(beast::http::verb, string_view method, string_view target, int version, Code&) override {
    request.method = view(method);
    http11 = version == 11;
    const size_t mark = target.find('?');
    request.path = view(target.substr(0, mark));
    if (mark != string_view::npos) request.query = view(target.substr(mark + 1));
  }

  void on_field_impl(beast::http::field, string_view name, string_view value, Code&) override {
    if (!is_header_done()) request.headers.emplace_back(view(name), view(value));  // trailers mean nothing here
  }

  void on_header_impl(Code&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, Code&) override {}
  void on_chunk_header_impl(uint64_t, string_view, Code&) override {}
  void on_finish_impl(Code&) override {}
  void on_response_impl(int, string_view, int, Code&) override {}
  size_t on_body_impl(string_view piece, Code&) override { return append(piece, rules.length); }
  size_t on_chunk_body_impl(uint64_t, string_view piece, Code&) override { return append(piece, max_body_); }

  /// Memory grows with what has come, not with what is promised.
  size_t append(string_view piece, size_t most) {
    std::string& body = request.body;
    const size_t size = body.size() + piece.size();
    if (size > body.capacity()) body.reserve(std::max(size, std::min(most, 2 * size)));
    body.append(piece.data(), piece.size());
    return piece.size();
  }

  size_t max_body_;
};

[[noreturn]] void refuse(const Code& code, size_t max_body) {
  using beast::http::error;
  if (code == error::body_limit) throw body_too_large(max_body);
  const bool in_chunk = code == error::bad_chunk || code == error::bad_chunk_extension;
  const char* const what = code == error::bad_version ? "expected HTTP/1.1 or HTTP/1.0 at the end of the request line"
                           : in_chunk ? "a chunk of the body has no hexadecimal size, or does not end with it"
                                      : "this is no request of HTTP/1.1";
  throw ApiError(400, "bad_request", what);
}

/// Returns the headers of a head whose lines are sound, as they stand there.
Headers headers_of(std::string_view head) {
  Headers headers;
  size_t begin = head.find("\r\n") + 2;
  for (size_t end; (end = head.find("\r\n", begin)) > begin; begin = end + 2) {
    const std::string_view line = head.substr(begin, end - begin);
    const size_t colon = line.find(':');
    headers.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
  }
  return headers;
}

/// A target may be a whole address, as proxies are sent it; its host then counts instead of the header's.
void read_target(HttpRequest& request) {
  static constexpr std::string_view kScheme = "http://";
  std::string& path = request.path;
  if (path.starts_with(kScheme)) {
    const size_t slash = std::min(path.find('/', kScheme.size()), path.size());
    for (auto& [name, value] : request.headers)
      if (same_word(name, "Host")) value = path.substr(kScheme.size(), slash - kScheme.size());
    path = slash < path.size() ? path.substr(slash) : "/";
  }
  if (!path.starts_with('/') && !(path == "*" && request.method == "OPTIONS"))
    throw ApiError(400, "bad_request", "the target of the request is no path, expected one that begins with /");
}

/// Looks at what Beast leaves of a chunked body: a line with a chunk's size, or the last of those and what follows it.
/// Beast waits for the end of the line before it says what is wrong with it.
void check_chunk_line(std::string_view rest) {
  if (rest.size() > kMaxLine)
    throw ApiError(431, "header_too_large", concat("a line between chunks is longer than ", kMaxLine, " bytes"));
  if (rest.starts_with("\r\n")) rest.remove_prefix(2);
  const size_t end = rest.find_first_not_of("0123456789abcdefABCDEF");
  if (end == std::string_view::npos || rest == "\r") return;
  if (end == 0 || std::string_view(";\r \t").find(rest[end]) == std::string_view::npos)
    throw ApiError(400, "bad_request", "a chunk of the body has no hexadecimal size, or does not end with it");
}

}  // namespace

struct RequestReader::State {
  explicit State(size_t most) : max_body(most), parser(most) {}

  size_t read_head(std::string_view bytes) {
    size_t skipped = 0;  // empty lines before a request, which some clients send behind a body
    while (bytes.substr(skipped).starts_with("\r\n")) skipped += 2;
    if (skipped > 0) return skipped;
    const auto end = bytes == "\r" ? std::nullopt : scan.find_end(bytes);
    if (!end) return 0;
    Code code;
    parser.put(boost::asio::buffer(bytes.data(), *end), code);
    // A length that Beast does not like is told better by check_headers, which sees the headers before it.
    // Of what it says of lengths and codings, check_headers below says more; those headers had come by then.
    const bool is_told_below = code == beast::http::error::bad_content_length ||
                               code == beast::http::error::bad_transfer_encoding ||
                               code == beast::http::error::body_limit;
    if (is_told_below) check_headers(headers_of(bytes.substr(0, *end)), /*http11=*/true, max_body);
    if (code && code != beast::http::error::need_more) refuse(code, max_body);
    parser.rules = check_headers(parser.request.headers, parser.http11, max_body);
    read_target(parser.request);
    stage = parser.is_done() ? Stage::Done : Stage::Body;
    return *end;
  }

  size_t read_body(std::string_view bytes) {
    if (bytes.empty()) return 0;
    // Beast asserts that it is not shown less of a first chunk that is also the last.
    constexpr std::string_view kEmptyBody = "0\r\n\r\n";
    if (parser.rules.chunked && !has_begun && kEmptyBody.starts_with(bytes) && bytes != kEmptyBody) return 0;
    has_begun = true;
    Code code;
    const size_t consumed = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), code);
    if (code && code != beast::http::error::need_more) refuse(code, max_body);
    if (parser.is_done())
      stage = Stage::Done;
    else if (parser.rules.chunked)
      check_chunk_line(bytes.substr(consumed));
    return consumed;
  }

  size_t max_body;
  HeadScan scan;
  Parser parser;
  Stage stage = Stage::Head;
  bool has_begun = false;  // the body
};

RequestReader::RequestReader(size_t max_body) : state_(std::make_unique<State>(max_body)) {}
RequestReader::~RequestReader() = default;
RequestReader::RequestReader(RequestReader&&) noexcept = default;
RequestReader& RequestReader::operator=(RequestReader&&) noexcept = default;

size_t RequestReader::read(std::string_view bytes) {
  return state_->stage == Stage::Head ? state_->read_head(bytes) : state_->read_body(bytes);
}

RequestReader::Stage RequestReader::stage() const { return state_->stage; }
HttpRequest& RequestReader::request() { return state_->parser.request; }
bool RequestReader::http11() const { return state_->parser.http11; }
bool RequestReader::keeps_alive() const { return state_->parser.keep_alive(); }

bool RequestReader::expects_continue() const {
  const auto expected = state_->parser.request.header("Expect");
  return http11() && expected && same_word(*expected, "100-continue");
}

}  // namespace limpid::server
