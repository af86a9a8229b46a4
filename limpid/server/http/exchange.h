#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limpid/server/api_error.h"

/// Requests and answers as everything behind the sockets sees them.
namespace limpid::server {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method, path, query;  ///< path and query as they were sent, "?" in neither
  Headers headers;                  ///< in order
  std::string body;
  std::string peer;  ///< address without the port

  // What the gate finds.
  std::string id;                                            ///< X-Request-Id of the answer
  std::string client;                                        ///< whom fairness and the prefix cache know; never shown
  size_t key = 0;                                            ///< which key, from 1; 0: none
  std::string route = "other";                               ///< for metrics and the log: the route's pattern
  std::string parameter = {};                                ///< what stands in the route's {…}
  Headers answer_headers = {};                               ///< that its answer has besides others
  std::string (*write_error)(const ApiError&) = error_body;  ///< the form that errors of the route have

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
  virtual std::string take_body() = 0;  ///< the request's body, once: it is not kept longer than it is read

  virtual void answer(HttpResponse response) = 0;
  /// Begins a stream of server-sent events.
  virtual void begin_events() = 0;
  virtual void send_event(const std::string& data) = 0;  ///< "data: …" and an empty line
  /// Ends the stream: with `complete` by "data: [DONE]" and the connection stays; otherwise the connection ends.
  virtual void end_events(bool complete) = 0;
  virtual void count_tokens(int64_t prompt, int64_t generated) {}  ///< for the log

  /// Calls `gone` once when the client has gone, on the thread of the sockets; at once when it already has.
  virtual void on_gone(std::function<void(Gone)> gone) = 0;
  virtual size_t buffered() const = 0;  ///< bytes of the answer that the socket has not taken
};

using Handler = std::function<void(std::shared_ptr<Exchange>)>;

/// Answers a request with an error in its route's form, and with what clients need to know of repeating it.
void answer_error(Exchange& exchange, const ApiError& error);
/// Returns that answer. @param write  the route's form
HttpResponse error_response(const ApiError& error, std::string (*write)(const ApiError&) = error_body);

}  // namespace limpid::server
