#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "limpid/server/http/http_exchange.h"
#include "limpid/server/http/http_server.h"
#include "limpid/server/http/request_reader.h"

namespace limpid::server {

/// What the connections of a server share.
struct ConnectionContext {
  ConnectionContext(HttpOptions o, HttpServer::Gate g, HttpObserver& watching)
      : options(std::move(o)),
        gate(std::move(g)),
        observer(watching) {}

  HttpOptions options;
  HttpServer::Gate gate;
  HttpObserver& observer;
  size_t read_bytes = 0;  ///< of requests that are being read, beyond kFreeRead of each
  std::atomic<size_t> open = 0;
};

/// One client's socket: reads requests, one after the other, and writes their answers. All of it happens on the thread
/// of the sockets; a server looks at every connection's clocks twenty times a second.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kFreeRead = 8u << 10;  ///< bytes that every connection may hold

  Connection(Socket socket, std::shared_ptr<ConnectionContext> context);
  ~Connection();

  void start();
  void refuse(const ApiError& error);  ///< instead of start: says so, and closes
  void tick(Clock::time_point now);
  void close(Gone reason);  ///< at once
  bool is_open() const { return socket_.is_open(); }
  bool is_busy() const { return exchange_ || !writing_.empty(); }

 private:
  enum class Stage { Reading, Answering, Lingering };

  void wait_for_bytes();
  void read();
  bool may_read_more() const;
  void account();
  void parse();
  void take_head();
  void begin_exchange();
  void fail(const ApiError& error);
  void pump();
  void write();
  void end_exchange();
  void linger();
  void leave(Gone reason);

  Socket socket_;
  std::shared_ptr<ConnectionContext> context_;
  RequestReader reader_;
  Stage stage_ = Stage::Reading;
  std::string peer_;
  std::string bytes_;  // that have come and are not understood yet
  Handler handler_;    // of the request whose body is being read
  std::shared_ptr<HttpExchange> exchange_;
  std::string writing_;
  size_t written_ = 0;
  size_t answered_body_ = 0;  // bytes of the request's body, until it is answered
  size_t accounted_ = 0;      // of context_->read_bytes
  bool waits_ = false;        // for bytes
  bool is_writing_ = false;
  bool has_ended_ = false;  // the client's side
  bool has_head_ = false;
  size_t lingered_ = 0;  // bytes thrown away
  Clock::time_point idle_since_, progress_at_;
  std::optional<Clock::time_point> begun_;  // the request that is being read
  Clock::time_point linger_until_;
};

}  // namespace limpid::server
