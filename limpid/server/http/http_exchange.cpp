#include "limpid/server/http/http_exchange.h"

#include <boost/beast/http/status.hpp>
#include <charconv>

namespace limpid::server {

HttpExchange::HttpExchange(HttpRequest request, RequestFrame frame, std::function<void()> wake)
    : request_(std::move(request)),
      frame_(frame),
      wake_(std::move(wake)) {}

/// Lets `write` append to the outbox, unless nobody reads it, and tells the connection.
template <class Write>
void HttpExchange::put(Write write) {
  {
    const std::lock_guard lock(mutex_);
    if (gone_ || has_ended_) return;
    const size_t before = outbox_.size();
    write();
    buffered_ += outbox_.size() - before;
    last_said_ = Clock::now();
  }
  wake_();
}

/// @param length  of the body; nothing: it is a stream
void HttpExchange::put_head(const HttpResponse& response, std::optional<size_t> length) {
  status_ = response.status;
  const auto reason = boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(unsigned(response.status)));
  outbox_ += concat("HTTP/1.1 ", response.status, " ", reason, "\r\nContent-Type: ", response.content_type, "\r\n");
  if (length)
    outbox_ += concat("Content-Length: ", *length, "\r\n");
  else if (frame_.http11)
    outbox_ += "Transfer-Encoding: chunked\r\n";
  else
    frame_.closes = true;  // the end of the connection is the end of the stream
  if (frame_.closes)
    outbox_ += "Connection: close\r\n";
  else if (!frame_.http11)
    outbox_ += "Connection: keep-alive\r\n";
  outbox_ += concat("X-Request-Id: ", request_.id, "\r\n");
  for (const Headers* headers : {&std::as_const(request_.answer_headers), &response.headers})
    for (const auto& [name, value] : *headers) outbox_ += concat(name, ": ", value, "\r\n");
  outbox_ += "\r\n";
}

void HttpExchange::put_chunk(std::string_view bytes) {
  if (!frame_.http11) {
    outbox_ += bytes;
    return;
  }
  char size[16];
  const auto end = std::to_chars(size, size + sizeof(size), bytes.size(), 16).ptr;
  outbox_.append(size, end).append("\r\n").append(bytes).append("\r\n");
}

void HttpExchange::answer(HttpResponse response) {
  put([&] {
    frame_.closes = frame_.closes || response.close;
    put_head(response, response.body.size());
    if (!frame_.is_head) outbox_ += response.body;
    has_ended_ = true;
  });
}

void HttpExchange::begin_events() {
  put([&] {
    is_stream_ = true;
    put_head({.content_type = "text/event-stream; charset=utf-8",
              .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}}},
             std::nullopt);
  });
}

void HttpExchange::send_event(const std::string& data) {
  put([&] { put_chunk(concat("data: ", data, "\n\n")); });
}

void HttpExchange::end_events(bool complete) {
  put([&] {
    if (complete) {
      put_chunk("data: [DONE]\n\n");
      if (frame_.http11) outbox_ += "0\r\n\r\n";
    } else {
      frame_.closes = true;
      if (frame_.http11) outbox_ += "0\r\n\r\n";
    }
    has_ended_ = true;
  });
}

void HttpExchange::count_tokens(int64_t prompt, int64_t generated) {
  const std::lock_guard lock(mutex_);
  prompt_tokens_ = prompt;
  generated_tokens_ = generated;
}

void HttpExchange::on_gone(std::function<void(Gone)> gone) {
  std::optional<Gone> reason;
  {
    const std::lock_guard lock(mutex_);
    reason = gone_;
    if (!reason) on_gone_ = gone;
  }
  if (reason) gone(*reason);
}

std::string HttpExchange::take_output() {
  const std::lock_guard lock(mutex_);
  return std::exchange(outbox_, {});
}

bool HttpExchange::has_ended() const {
  const std::lock_guard lock(mutex_);
  return has_ended_;
}

bool HttpExchange::closes() const {
  const std::lock_guard lock(mutex_);
  return frame_.closes;
}

void HttpExchange::leave(Gone reason) {
  std::function<void(Gone)> tell;
  {
    const std::lock_guard lock(mutex_);
    if (gone_) return;
    gone_ = reason;
    outbox_.clear();
    if (!has_ended_) tell = std::move(on_gone_);
    on_gone_ = nullptr;
  }
  if (tell) tell(reason);
}

void HttpExchange::ping(Clock::duration silence) {
  {
    const std::lock_guard lock(mutex_);
    if (!is_stream_ || Clock::now() - last_said_ < silence) return;
  }
  put([&] { put_chunk(": ping\n\n"); });
}

HttpExchange::Result HttpExchange::result() const {
  const std::lock_guard lock(mutex_);
  return {status_, prompt_tokens_, generated_tokens_, std::chrono::duration<double>(Clock::now() - began_).count()};
}

}  // namespace limpid::server
