#include "limpid/server/http/connection.h"

#include <poll.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include "limpid/core/warnings.h"
#include "limpid/server/random_id.h"

namespace limpid::server {
namespace {

using boost::asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr size_t kReadAtOnce = 64u << 10;
constexpr size_t kMostRefusedBody = 64u << 10;  // of a refused request, read so that the connection can stay
constexpr size_t kMostLingered = 1u << 20;
constexpr auto kLinger = std::chrono::seconds(1);

Connection::Clock::duration seconds(double count) {
  return std::chrono::duration_cast<Connection::Clock::duration>(std::chrono::duration<double>(count));
}

std::string address_of(const Connection::Socket& socket) {
  ErrorCode failed;
  const auto peer = socket.remote_endpoint(failed);
  return failed ? "" : peer.address().to_string();
}

}  // namespace

Connection::Connection(Socket socket, std::shared_ptr<ConnectionContext> context)
    : socket_(std::move(socket)),
      context_(std::move(context)),
      reader_(context_->options.max_body),
      peer_(address_of(socket_)),
      idle_since_(Clock::now()),
      progress_at_(idle_since_) {
  ++context_->open;
  ErrorCode ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(tcp::no_delay(true), ignored);
}

Connection::~Connection() {
  context_->read_bytes -= accounted_;
  --context_->open;
}

void Connection::start() { wait_for_bytes(); }

void Connection::refuse(const ApiError& error) { fail(error); }

/// Returns whether there is room for what the client sends: little of it always, more while all connections together
/// hold less than they may.
bool Connection::may_read_more() const {
  if (has_ended_) return false;
  if (stage_ == Stage::Lingering) return true;
  if (stage_ == Stage::Answering && bytes_.size() >= context_->options.most_pipelined) return false;
  return accounted_ == 0 || context_->read_bytes < context_->options.most_read;
}

void Connection::wait_for_bytes() {
  if (waits_ || !socket_.is_open() || !may_read_more()) return;
  waits_ = true;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const ErrorCode& failed) {
    self->waits_ = false;
    if (!failed && self->socket_.is_open()) self->read();
  });
}

void Connection::read() {
  thread_local std::vector<char> scratch(kReadAtOnce);
  ErrorCode failed;
  const size_t count = socket_.read_some(boost::asio::buffer(scratch), failed);
  if (failed == boost::asio::error::would_block) return wait_for_bytes();
  if (failed) {  // an end that the client made, in one way or another
    has_ended_ = true;
    const bool is_answered = exchange_ && exchange_->has_ended() && failed == boost::asio::error::eof;
    if (!is_answered) close(Gone::ClientGone);
    return;
  }
  if (stage_ == Stage::Lingering) {
    if ((lingered_ += count) > kMostLingered) return close(Gone::ClientGone);
    return wait_for_bytes();
  }
  bytes_.append(scratch.data(), count);
  parse();
  wait_for_bytes();
}

/// Counts what the connection holds beyond what each may.
void Connection::account() {
  const size_t held = bytes_.size() + (exchange_ ? answered_body_ : reader_.request().body.size());
  const size_t beyond = held - std::min(held, kFreeRead);
  context_->read_bytes += beyond - accounted_;
  accounted_ = beyond;
}

/// Understands what has come, as far as it goes.
void Connection::parse() {
  while (stage_ == Stage::Reading && !bytes_.empty()) {
    if (!begun_) begun_ = Clock::now();
    size_t count;
    try {
      count = reader_.read(bytes_);
      bytes_.erase(0, count);
      if (!has_head_ && reader_.stage() != RequestReader::Stage::Head) take_head();
    } catch (const ApiError& error) {
      return fail(error);
    }
    if (reader_.stage() == RequestReader::Stage::Done)
      begin_exchange();
    else if (count == 0)
      break;
  }
  account();
}

/// Lets the gate decide. A refusal waits for a short body, so that the connection can stay.
void Connection::take_head() {
  has_head_ = true;
  HttpRequest& request = reader_.request();
  request.peer = peer_;
  const bool has_body = reader_.stage() == RequestReader::Stage::Body;
  try {
    handler_ = context_->gate(request);
  } catch (const ApiError& error) {
    const auto length = request.header("Content-Length");
    const bool is_short = length && length->size() < 6 && std::stoul(*length) <= kMostRefusedBody;
    if (has_body && (reader_.expects_continue() || !is_short)) throw;
    handler_ = [error](const std::shared_ptr<Exchange>& exchange) { answer_error(*exchange, error); };
  }
  if (!has_body || !reader_.expects_continue() || !bytes_.empty()) return;
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  ErrorCode ignored;
  socket_.write_some(boost::asio::buffer(kContinue.data(), kContinue.size()), ignored);
}

void Connection::begin_exchange() {
  const RequestFrame frame{reader_.http11(), reader_.request().method == "HEAD", !reader_.keeps_alive()};
  const auto wake = [executor = socket_.get_executor(), self = weak_from_this()] {
    boost::asio::post(executor, [self] {
      if (const auto alive = self.lock()) alive->pump();
    });
  };
  answered_body_ = reader_.request().body.size();
  exchange_ = std::make_shared<HttpExchange>(std::move(reader_.request()), frame, wake);
  reader_ = RequestReader(context_->options.max_body);
  has_head_ = false;
  begun_.reset();
  stage_ = Stage::Answering;
  const auto exchange = exchange_;
  const Handler handler = std::exchange(handler_, nullptr);
  try {
    handler(exchange);
  } catch (const ApiError& error) {
    answer_error(*exchange, error);
  } catch (const std::exception& error) {
    warn(concat("a request failed: ", reason_of(error)));
    answer_error(*exchange, {500, "internal_error", "something went wrong in the server; its log says what"});
  }
}

/// Says what is wrong with what has come, behind which the connection ends.
void Connection::fail(const ApiError& error) {
  HttpRequest request;
  if (has_head_) request = std::move(reader_.request());
  request.peer = peer_;
  if (request.id.empty()) request.id = random_id();
  request.body.clear();
  answered_body_ = 0;
  const auto write_error = request.write_error;
  const auto wake = [] {};  // it is pumped right here
  exchange_ = std::make_shared<HttpExchange>(std::move(request), RequestFrame{.closes = true}, wake);
  reader_ = RequestReader(context_->options.max_body);
  has_head_ = false;
  begun_.reset();
  bytes_.clear();
  stage_ = Stage::Answering;
  exchange_->answer(error_response(error, write_error));
  account();
  pump();
}

void Connection::pump() {
  if (exchange_ && socket_.is_open()) write();
}

void Connection::write() {
  if (is_writing_) return;
  if (writing_.empty()) {
    const bool has_ended = exchange_->has_ended();
    writing_ = exchange_->take_output();
    written_ = 0;
    progress_at_ = Clock::now();
    if (writing_.empty()) {
      if (has_ended) end_exchange();
      return;
    }
  }
  is_writing_ = true;
  const auto rest = boost::asio::buffer(writing_.data() + written_, writing_.size() - written_);
  socket_.async_write_some(rest, [self = shared_from_this()](const ErrorCode& failed, size_t count) {
    self->is_writing_ = false;
    if (!self->socket_.is_open()) return;
    if (failed || !self->exchange_) return self->close(Gone::ClientGone);
    self->written_ += count;
    self->progress_at_ = Clock::now();
    self->exchange_->sent(count);
    if (self->written_ == self->writing_.size()) self->writing_ = {};
    self->write();
  });
}

void Connection::end_exchange() {
  const bool closes = exchange_->closes();
  leave(Gone::ClientGone);  // it has all: nobody is told
  if (has_ended_) return close(Gone::ClientGone);
  if (closes) return linger();
  stage_ = Stage::Reading;
  idle_since_ = Clock::now();
  account();
  parse();
  wait_for_bytes();
}

/// Ends the connection when the client has had time to take the answer: a socket closed on bytes that were not read
/// takes back what was sent.
void Connection::linger() {
  ErrorCode ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
  stage_ = Stage::Lingering;
  linger_until_ = Clock::now() + kLinger;
  bytes_ = {};
  account();
  wait_for_bytes();
}

/// Parts with the request that is being answered.
void Connection::leave(Gone reason) {
  if (!exchange_) return;
  exchange_->leave(reason);
  const HttpRequest& request = exchange_->request();
  const HttpExchange::Result result = exchange_->result();
  context_->observer.finished({request.route, request.id, request.key, result.status, result.prompt_tokens,
                               result.generated_tokens, result.seconds});
  exchange_ = nullptr;
}

void Connection::close(Gone reason) {
  leave(reason);
  ErrorCode ignored;
  socket_.close(ignored);
}

void Connection::tick(Clock::time_point now) {
  if (!socket_.is_open()) return;
  const HttpOptions& options = context_->options;
  if (stage_ == Stage::Lingering) {
    if (now >= linger_until_) close(Gone::ClientGone);
    return;
  }
  if (stage_ == Stage::Reading) {
    if (begun_ && now - *begun_ > seconds(options.read_timeout))
      return fail({408, "request_timeout", concat("the request did not come within ", options.read_timeout, " s")});
    if (!begun_ && now - idle_since_ > seconds(options.idle_timeout)) return close(Gone::ClientGone);
    return wait_for_bytes();
  }
  exchange_->ping(seconds(options.ping));
  if (is_writing_ && now - progress_at_ > seconds(options.write_timeout)) return close(Gone::WriteTimeout);
  if (waits_) return;
  pollfd socket{socket_.native_handle(), POLLRDHUP, 0};  // nothing is read of it: has it ended?
  if (!has_ended_ && ::poll(&socket, 1, 0) > 0 && !exchange_->has_ended()) return close(Gone::ClientGone);
  wait_for_bytes();
}

}  // namespace limpid::server
