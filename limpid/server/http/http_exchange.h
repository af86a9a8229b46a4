#pragma once

#include <atomic>
#include <chrono>
#include <mutex>

#include "limpid/server/http/exchange.h"

namespace limpid::server {

/// What a connection knows of a request besides the request.
struct RequestFrame {
  bool http11 = true;    ///< version 1.1 rather than 1.0
  bool is_head = false;  ///< the answer has no body
  bool closes = false;   ///< the connection ends behind the answer
};

/// An exchange whose answer a connection fetches as bytes: what is said to it from any thread lies in its outbox until
/// then.
class HttpExchange final : public Exchange {
 public:
  using Clock = std::chrono::steady_clock;

  /// @param wake  lets the connection know, from any thread, that there is something in the outbox; not called once the
  /// client has gone
  HttpExchange(HttpRequest request, RequestFrame frame, std::function<void()> wake);

  const HttpRequest& request() const override { return request_; }
  std::string take_body() override { return std::move(request_.body); }
  void answer(HttpResponse response) override;
  void begin_events() override;
  void send_event(const std::string& data) override;
  void end_events(bool complete) override;
  void count_tokens(int64_t prompt, int64_t generated) override;
  void on_gone(std::function<void(Gone)> gone) override;
  size_t buffered() const override { return buffered_; }

  // The connection's side.
  std::string take_output();  ///< bytes to be written; empty when there are none
  void sent(size_t bytes) { buffered_ -= bytes; }
  bool has_ended() const;  ///< the answer is whole
  bool closes() const;
  void leave(Gone reason);             ///< the client has gone
  void ping(Clock::duration silence);  ///< where a stream has said nothing for so long, it says that it lives
  struct Result {
    int status;  ///< 0: none was sent
    int64_t prompt_tokens, generated_tokens;
    double seconds;
  };
  Result result() const;

 private:
  template <class Write>
  void put(Write write);
  void put_head(const HttpResponse& response, std::optional<size_t> length);
  void put_chunk(std::string_view bytes);

  HttpRequest request_;
  RequestFrame frame_;
  std::function<void()> wake_;
  const Clock::time_point began_ = Clock::now();
  std::atomic<size_t> buffered_ = 0;

  mutable std::mutex mutex_;
  std::string outbox_;
  bool is_stream_ = false, has_ended_ = false;
  std::optional<Gone> gone_;
  std::function<void(Gone)> on_gone_;
  Clock::time_point last_said_ = began_;
  int status_ = 0;
  int64_t prompt_tokens_ = 0, generated_tokens_ = 0;
};

}  // namespace limpid::server
