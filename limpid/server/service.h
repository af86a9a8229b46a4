#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "limpid/server/facts.h"
#include "limpid/server/http/router.h"
#include "limpid/server/metrics/metrics.h"
#include "limpid/server/scheduler/scheduler.h"
#include "limpid/server/scoring.h"
#include "limpid/tokenizers/tokenizer.h"

/// What the routes do. docs/serving.md
namespace limpid::server {

/// What the routes work with, once the model stands. Lives as long as the service.
struct Loaded {
  const ServerFacts* facts;
  std::shared_ptr<const Tokenizer> tokenizer;
  Scheduler* scheduler;
  TextScorer* scorer = nullptr;      ///< null: none is loaded
  TextEmbedder* embedder = nullptr;  ///< likewise
};

/// Answers requests. Bodies are read, checked and tokenised on threads of its own, so that the sockets' thread waits
/// for nobody.
class Service {
 public:
  explicit Service(bool has_playground = true);
  ~Service();  ///< waits for requests that are being read

  void set_loaded(Loaded loaded);
  void stop();  ///< returns when what is being read has been taken in; what is loaded may go then

  Metrics& counted() { return *metrics_; }  ///< what observers of sockets and scheduler count with
  Router router();                          ///< all routes, which answer as long as the service lives

 private:
  void chat_completions(std::shared_ptr<Exchange> exchange);
  void completions(std::shared_ptr<Exchange> exchange);
  void tokenize(std::shared_ptr<Exchange> exchange);
  void detokenize(std::shared_ptr<Exchange> exchange);
  void moderations(std::shared_ptr<Exchange> exchange);
  void analyze_comment(std::shared_ptr<Exchange> exchange);
  void embeddings(std::shared_ptr<Exchange> exchange);
  void models(std::shared_ptr<Exchange> exchange);
  void model(std::shared_ptr<Exchange> exchange);
  void detoxifiers(std::shared_ptr<Exchange> exchange);
  void detoxifier(std::shared_ptr<Exchange> exchange);
  void health(std::shared_ptr<Exchange> exchange);
  void ready(std::shared_ptr<Exchange> exchange);
  void version(std::shared_ptr<Exchange> exchange);
  void metrics(std::shared_ptr<Exchange> exchange);

  struct Workers;
  using Answerer = std::function<void(const Loaded& loaded, Exchange& exchange)>;
  const Loaded& loaded() const;
  void at_once(const std::shared_ptr<Exchange>& exchange, const std::function<HttpResponse()>& answer) const;
  void in_turn(std::shared_ptr<Exchange> exchange, Answerer answer);
  void check_room(const Loaded& loaded);
  void generate(std::shared_ptr<Exchange> exchange, bool chat);

  bool has_playground_;
  std::atomic<const Loaded*> loaded_ = nullptr;
  std::unique_ptr<const Loaded> owned_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<Workers> workers_;
};

}  // namespace limpid::server
