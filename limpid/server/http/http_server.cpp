#include "limpid/server/http/http_server.h"

#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <list>
#include <thread>

#include "limpid/server/http/connection.h"

namespace limpid::server {
namespace {

using boost::asio::ip::tcp;
using ErrorCode = boost::system::error_code;

constexpr auto kTick = std::chrono::milliseconds(50);
constexpr auto kFarewell = std::chrono::milliseconds(500);

/// Lets the process have as many open files as it may.
void raise_open_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

struct HttpServer::State {
  State(HttpOptions options, Gate gate, HttpObserver& observer)
      : context(std::make_shared<ConnectionContext>(std::move(options), std::move(gate), observer)) {}

  void open();
  void accept();
  void take(tcp::socket socket);
  void tick();
  void say_farewell();

  boost::asio::io_context io{1};
  tcp::acceptor acceptor{io};
  boost::asio::steady_timer ticker{io}, again{io};
  std::shared_ptr<ConnectionContext> context;
  std::list<std::shared_ptr<Connection>> connections;
  std::optional<Connection::Clock::time_point> ends_at;
  std::thread thread;
};

void HttpServer::State::open() {
  const HttpOptions& options = context->options;
  const auto fail = [&](const ErrorCode& failed) {
    throw IoError(concat("cannot listen on ", options.host, " port ", options.port, ": ", failed.message()));
  };
  ErrorCode failed;
  tcp::resolver resolver(io);
  const auto found = resolver.resolve(options.host, std::to_string(options.port), tcp::resolver::passive, failed);
  if (failed) fail(failed);
  const tcp::endpoint endpoint = found.begin()->endpoint();
  acceptor.open(endpoint.protocol(), failed);
  if (!failed) acceptor.set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed) acceptor.bind(endpoint, failed);
  if (!failed) acceptor.listen(int(std::max<size_t>(1024, options.connections)), failed);
  if (failed) fail(failed);
}

void HttpServer::State::accept() {
  acceptor.async_accept([this](const ErrorCode& failed, tcp::socket socket) {
    if (!acceptor.is_open()) return;
    if (!failed) {
      take(std::move(socket));
      return accept();
    }
    again.expires_after(kTick);  // such as too many open files: some will be closed
    again.async_wait([this](const ErrorCode& stopped) {
      if (!stopped) accept();
    });
  });
}

void HttpServer::State::take(tcp::socket socket) {
  const bool is_full = context->open >= context->options.connections;
  connections.push_back(std::make_shared<Connection>(std::move(socket), context));
  if (!is_full) return connections.back()->start();
  context->observer.too_many_connections();
  connections.back()->refuse(
      {503, "too_many_connections",
       concat("there are ", context->options.connections, " connections, the most there can be")});
}

void HttpServer::State::tick() {
  const auto now = Connection::Clock::now();
  for (const auto& connection : connections) connection->tick(now);
  connections.remove_if([](const auto& connection) { return !connection->is_open(); });
  if (ends_at) say_farewell();
  ticker.expires_after(kTick);
  ticker.async_wait([this](const ErrorCode& stopped) {
    if (!stopped) tick();
  });
}

/// Ends the thread when all was said, or time is up.
void HttpServer::State::say_farewell() {
  const bool is_busy = std::ranges::any_of(connections, [](const auto& connection) { return connection->is_busy(); });
  if (is_busy && Connection::Clock::now() < *ends_at) return;
  for (const auto& connection : connections) connection->close(Gone::Shutdown);
  io.stop();
}

HttpServer::HttpServer(HttpOptions options, Gate gate, HttpObserver& observer)
    : state_(std::make_shared<State>(std::move(options), std::move(gate), observer)) {
  raise_open_files();
  state_->open();
}

HttpServer::~HttpServer() { stop(); }

int HttpServer::port() const { return state_->acceptor.local_endpoint().port(); }

size_t HttpServer::connections() const { return state_->context->open; }

void HttpServer::start() {
  state_->accept();
  state_->tick();
  state_->thread = std::thread([state = state_] { state->io.run(); });
}

void HttpServer::stop() {
  if (!state_->thread.joinable()) return;
  boost::asio::post(state_->io, [state = state_.get()] {
    ErrorCode ignored;
    state->acceptor.close(ignored);
    state->ends_at = Connection::Clock::now() + kFarewell;
  });
  state_->thread.join();
}

}  // namespace limpid::server
