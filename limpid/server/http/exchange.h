#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// Requests and answers as everything behind the sockets sees them.
namespace limpid::server {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method, path, query;  ///< path and query as they were sent, "?" in neither
  Headers headers;                  ///< in order
  std::string body;
  std::string peer;    ///< address without the port
  std::string id;      ///< X-Request-Id of the answer
  std::string client;  ///< whom fairness and the prefix cache know: the key, or the peer; never shown
  size_t key = 0;      ///< which key, from 1; 0: none

  /// Returns the value of the first header of that name, in any case.
  std::optional<std::string> header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  Headers headers = {};
  bool close = false;  ///< the connection, behind the answer
};

/// Why a client counts as gone.
enum class Gone { ClientGone, WriteTimeout, Shutdown };

/// One request and its answer. Every member may be called from any thread, answer() or begin_events() once. What is
/// said to a client that has gone is dropped.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const HttpRequest& request() const = 0;

  virtual void answer(HttpResponse response) = 0;
  /// Begins a stream of server-sent events.
  virtual void begin_events(Headers headers) = 0;
  virtual void send_event(std::string data) = 0;  ///< "data: …" and an empty line
  /// Ends the stream: with `complete` by "data: [DONE]" and the connection stays; otherwise the connection ends.
  virtual void end_events(bool complete) = 0;

  /// Calls `gone` once when the client has gone, on the thread of the sockets; at once when it already has.
  virtual void on_gone(std::function<void(Gone)> gone) = 0;
  virtual size_t buffered() const = 0;  ///< bytes of the answer that the socket has not taken
};

using Handler = std::function<void(std::shared_ptr<Exchange>)>;

}  // namespace limpid::server
