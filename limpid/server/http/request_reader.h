#pragma once

#include <memory>
#include <string_view>

#include "limpid/server/http/head_rules.h"

namespace limpid::server {

/// Reads one request from bytes that arrive in pieces. It keeps nothing but the body: what it has not consumed is given
/// to it again with what follows.
class RequestReader {
 public:
  explicit RequestReader(size_t max_body);
  ~RequestReader();
  RequestReader(RequestReader&&) noexcept;
  RequestReader& operator=(RequestReader&&) noexcept;

  enum class Stage { Head, Body, Done };

  /// Reads on, to the end of the head or of what has come of the body. What must not be consumed twice is at most a
  /// head, or a line of a chunked body. Not to be called when done.
  /// @return how many of the bytes are consumed; 0 when more must come
  /// @throws ApiError 400, 413, 415, 431, 501, behind which nothing of the connection can be understood
  size_t read(std::string_view bytes);

  Stage stage() const;
  HttpRequest& request();         ///< method, path, query and headers are there behind the head, the body when done
  bool http11() const;            ///< version 1.1 rather than 1.0; known behind the head
  bool keeps_alive() const;       ///< the client wants the connection to stay; known behind the head
  bool expects_continue() const;  ///< the client waits with the body until it hears that it is wanted

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace limpid::server
