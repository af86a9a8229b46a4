#pragma once

#include "apps/options.h"

namespace limpid::apps {

struct ServeCommand : ModelOptions {
  static constexpr CommandInfo kInfo{"serve",
                                     "Serve a model over HTTP as OpenAI's interface has it, detoxified per request",
                                     "limpid serve -m smollm2-135m-instruct --detox smollm2-135m-instruct"};

  std::vector<std::string> detox;
  std::string scorer, encoder;
  bool guard = false;
  std::optional<double> guard_threshold;
  int64_t guard_window = 12, guard_rewinds = 2;
  std::string refusal = "I can't continue with this.";
  std::string host = "127.0.0.1";
  int port = 8080;
  std::vector<std::string> aliases, api_keys, allowed_origins, allowed_hosts;
  std::vector<std::string> api_key_files;
  bool allow_anonymous = false;
  std::optional<int64_t> context, max_tokens, kv_memory;
  int64_t rows = 32, queue = 256, prefill_chunk = 128;
  double read_timeout = 30, write_timeout = 30, idle_timeout = 60, drain = 4;
  int64_t connections = 2048, max_body = 8;
  bool log_prompts = false, no_playground = false;

  void declare(Subcommand& c) {
    add_model(c, *this);
    add_kv_cache(c, kv_cache);
    c.heading("Detoxifiers and the guard");
    c.value("--detox", detox,
            "[NAME=]SPEC[:S], repeatable: what requests may ask for by NAME, at the strength S where they say nothing; "
            "SPEC as for generate, :0 loads one that acts on request only")
        .one_at_a_time()
        .environment("LIMPID_DETOX");
    add_scorer(c, scorer);
    c.value("--encoder", encoder, "Sentence encoder of /v1/embeddings; default: the scorer's")
        .environment("LIMPID_ENCODER");
    c.flag("--guard", guard, "Score what is written, and write again or refuse what is above the threshold")
        .environment("LIMPID_GUARD");
    c.value("--guard-threshold", guard_threshold, "Score above which a text trips; default: the scorer's")
        .range(0, 1)
        .environment("LIMPID_GUARD_THRESHOLD");
    c.value("--guard-window", guard_window, "Tokens between two looks, so many as any model can take back")
        .range(1, 60)
        .environment("LIMPID_GUARD_WINDOW");
    c.value("--guard-rewinds", guard_rewinds, "How often an answer is written again before it is refused")
        .range(0, 8)
        .environment("LIMPID_GUARD_REWINDS");
    c.value("--refusal", refusal, "What a refused answer says").environment("LIMPID_REFUSAL");
    c.heading("Network");
    c.value("--host", host, "Address to listen on").environment("LIMPID_HOST");
    c.value("--port", port, "Port; 0 takes a free one").range(0, 65535).environment("LIMPID_PORT");
    c.value("--alias", aliases, "A further name of the model; the first is the one that answers carry (repeatable)")
        .one_at_a_time()
        .environment("LIMPID_ALIAS");
    c.value("--api-key", api_keys, "A key that requests have to show (repeatable)")
        .one_at_a_time()
        .environment("LIMPID_API_KEY");
    c.value("--api-key-file", api_key_files, "Keys, one a line (repeatable)")
        .one_at_a_time()
        .environment("LIMPID_API_KEY_FILE");
    c.flag("--allow-anonymous", allow_anonymous, "Listen on other addresses than loopback without a key")
        .environment("LIMPID_ALLOW_ANONYMOUS");
    c.value("--allow-origin", allowed_origins, "A web origin whose pages may call the server (repeatable)")
        .one_at_a_time()
        .environment("LIMPID_ALLOW_ORIGIN");
    c.value("--allow-host", allowed_hosts,
            "A further name in the Host header, where loopback is listened on (repeatable)")
        .one_at_a_time()
        .environment("LIMPID_ALLOW_HOST");
    c.heading("Load");
    c.value("-c,--context", context, "Tokens of one sequence, prompt and answer; default: the model's")
        .positive()
        .environment("LIMPID_CONTEXT");
    c.value("--rows", rows, "Texts decoded together").positive().environment("LIMPID_ROWS");
    c.value("--queue", queue, "Requests that wait; one more is told to come again")
        .not_negative()
        .environment("LIMPID_QUEUE");
    c.value("--prefill-chunk", prefill_chunk, "Prompt tokens read in one step, so that a long prompt delays nobody")
        .positive()
        .environment("LIMPID_PREFILL_CHUNK");
    c.value("--kv-memory", kv_memory, "MiB of all caches together; default: a quarter of memory, at most 4096")
        .positive()
        .environment("LIMPID_KV_MEMORY");
    c.value("--max-tokens", max_tokens, "Tokens of an answer at most, and of a chat that names no number")
        .positive()
        .environment("LIMPID_MAX_TOKENS");
    c.value("--read-timeout", read_timeout, "Seconds for the head and body of a request")
        .positive()
        .environment("LIMPID_READ_TIMEOUT");
    c.value("--write-timeout", write_timeout, "Seconds that a client may read nothing")
        .positive()
        .environment("LIMPID_WRITE_TIMEOUT");
    c.value("--idle-timeout", idle_timeout, "Seconds that a connection may be idle")
        .positive()
        .environment("LIMPID_IDLE_TIMEOUT");
    c.value("--drain", drain, "Seconds that answers may go on for when the server is told to end")
        .not_negative()
        .environment("LIMPID_DRAIN");
    c.value("--connections", connections, "Open connections at most").positive().environment("LIMPID_CONNECTIONS");
    c.value("--max-body", max_body, "MiB of a request's body at most").positive().environment("LIMPID_MAX_BODY");
    c.heading("What it shows");
    c.flag("--log-prompts", log_prompts, "Log prompts and answers too").environment("LIMPID_LOG_PROMPTS");
    c.flag("--no-playground", no_playground, "No page at /").environment("LIMPID_NO_PLAYGROUND");
  }
};
int run(const ServeCommand& options);

}  // namespace limpid::apps
