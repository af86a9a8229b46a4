#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "limpid/server/http/gate.h"
#include "limpid/server/http/http_server.h"
#include "limpid/server/service.h"
#include "tests/server/fakes.h"

// `limpid serve` with an engine that writes each prompt once more: what sockets, routes and scheduler do without a
// model, for the tests of HTTP under sanitizers. It takes those of serve's options that say what these do.

using namespace limpid;
using namespace limpid::server;

namespace {

std::atomic<bool> ended = false;

ServerFacts echo_facts() {
  ServerFacts facts;
  facts.names = {"echo"};
  facts.fingerprint = "lp_echo";
  facts.vocabulary = 257;
  facts.context = 512;
  facts.text_beginning = testing_support::ByteTokenizer::kEnd;
  facts.end_tokens = {testing_support::ByteTokenizer::kEnd};
  return facts;
}

}  // namespace

int main(int argc, char** argv) {
  HttpOptions options{.port = 0};
  SchedulerOptions scheduling;
  AccessRules rules;
  double drain = 4;
  for (int i = 1; i + 1 < argc; ++i) {
    const std::string_view name = argv[i];
    const char* value = argv[i + 1];
    if (name == "--read-timeout") options.read_timeout = std::atof(value);
    if (name == "--idle-timeout") options.idle_timeout = std::atof(value);
    if (name == "--write-timeout") options.write_timeout = std::atof(value);
    if (name == "--connections") options.connections = size_t(std::atoi(value));
    if (name == "--rows") scheduling.rows = size_t(std::atoi(value));
    if (name == "--queue") scheduling.queue = size_t(std::atoi(value));
    if (name == "--drain") drain = std::atof(value);
    if (name == "--api-key") rules.keys.emplace_back(value);
    if (name == "--allow-origin") rules.origins.emplace_back(value);
    if (name == "--allow-host") rules.allowed_hosts.emplace_back(value);
  }
  for (int number : {SIGINT, SIGTERM}) std::signal(number, [](int) { ended = true; });
  const ServerFacts facts = echo_facts();
  testing_support::EchoEngine engine;
  const auto tokenizer = std::make_shared<testing_support::ByteTokenizer>();
  SchedulerObserver scheduler_observer;
  HttpObserver http_observer;
  Scheduler scheduler(engine, tokenizer, facts, scheduling, scheduler_observer);
  Service service;
  HttpServer http(options, Gate(rules, service.router()), http_observer);
  http.start();
  std::fprintf(stderr, "limpid: listening on http://127.0.0.1:%d\n", http.port());
  service.set_loaded({&facts, tokenizer, &scheduler});
  while (!ended) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  scheduler.stop(drain);
  http.stop();
  return 0;
}
