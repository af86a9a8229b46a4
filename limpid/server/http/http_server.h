#pragma once

#include <functional>
#include <memory>
#include <string>

#include "limpid/server/http/exchange.h"

namespace limpid::server {

struct HttpOptions {
  std::string host = "127.0.0.1";
  int port = 8080;                                                  ///< 0 takes a free one
  double read_timeout = 30, write_timeout = 30, idle_timeout = 60;  ///< seconds
  double ping = 15;  ///< seconds of silence in a stream, after which it says that it lives
  size_t connections = 2048;
  size_t max_body = 8u << 20;         ///< bytes
  size_t most_read = 32u << 20;       ///< bytes of requests that are being read, beyond 8 KiB a connection, in all
  size_t most_pipelined = 64u << 10;  ///< bytes that wait behind the request that is being answered
};

/// A request that has been answered, or whose client has gone.
struct RequestRecord {
  std::string route, id;
  size_t key;
  int status;  ///< 0: the client was gone before there was one
  int64_t prompt_tokens, generated_tokens;
  double seconds;
};

/// Hears what happens at the sockets, on their thread.
class HttpObserver {
 public:
  virtual ~HttpObserver() = default;
  virtual void finished(const RequestRecord& record) {}
  virtual void too_many_connections() {}
};

/// An HTTP/1.1 server. One thread runs all sockets; what is wrong with a request is said before anything of it is kept.
class HttpServer {
 public:
  /// Decides what to do with a request whose head has come, before its body is read, and notes what it finds in it.
  /// @throws ApiError for what is refused
  using Gate = std::function<Handler(HttpRequest& request)>;

  /// Opens the socket. @throws IoError for an address that cannot be listened on
  HttpServer(HttpOptions options, Gate gate, HttpObserver& observer);
  ~HttpServer();  ///< as stop()

  int port() const;
  void start();
  void stop();  ///< gives clients half a second to take what was said, and closes all connections
  size_t connections() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace limpid::server
