#include <algorithm>
#include <chrono>
#include <iostream>

#include "apps/commands/generate.h"
#include "apps/engine/common.h"
#include "limpid/core/random.h"
#include "limpid/kernels/cpu.h"
#include "limpid/kernels/thread_pool.h"
#include "limpid/metrics/table.h"

namespace limpid::apps {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Best and median tokens per second of some runs.
struct Speed {
  double best, median;
};

template <class Measure>
Speed speed_of(int64_t runs, Measure tokens_per_second) {
  std::vector<double> rates;
  for (int64_t run = 0; run < runs; ++run) {
    terminal().throw_if_stopped();
    rates.push_back(tokens_per_second());
  }
  std::sort(rates.begin(), rates.end());
  return {rates.back(), rates[rates.size() / 2]};
}

TokenIds random_prompt(const Model& model, int64_t length) {
  RandomStream random(1);
  TokenIds ids;
  for (int64_t i = 0; i < length; ++i) ids.push_back(TokenId(random.next_below(uint64_t(model.config().vocab_size))));
  return ids;
}

double prefill_rate(const Model& model, const TokenIds& prompt) {
  nn::KvCache cache = model.make_cache();
  const nn::Sequence sequence{&cache, prompt};
  const auto start = Clock::now();
  nn::Pass pass({&sequence, 1});
  model.output_matrix(model.final_state(pass, Outputs::Last));
  return double(prompt.size()) / seconds_since(start);
}

double decode_rate(const std::shared_ptr<const Model>& model, const DetoxStack& detox, TokenIds prompt, int64_t rows,
                   int64_t tokens) {
  prompt.resize(std::min<size_t>(32, prompt.size()));
  GeneratorOptions options;
  options.max_rows = size_t(rows);
  Generator generator(model, detox.open(*model), options);
  for (int64_t row = 0; row < rows; ++row) {
    Request request;
    request.sample = uint64_t(row);
    request.prompt_ids = prompt;
    request.strengths = detox.strengths();
    request.stop.max_new_tokens = tokens + 1;
    generator.submit(std::move(request));
  }
  const auto done = [](const Completion& completion) { completion.check(); };
  generator.step(done);  // reads the prompt; only the steps after it are decoding
  const uint64_t before = generator.tokens_generated();
  const auto start = Clock::now();
  generator.run(done);
  return double(generator.tokens_generated() - before) / seconds_since(start);
}

void print_table(const Json& report) {
  std::cout << report["model"].get<std::string>() << ", " << report["precision"].get<std::string>() << ", "
            << (report.contains("kv_cache") ? report["kv_cache"].get<std::string>() + " cache, " : "")
            << report["threads"] << " threads, " << report["kernels"].get<std::string>() << ", opened in "
            << report["open_seconds"].get<double>()
            << " s\n\n| what | rows | tokens/s, best | median |\n| --- | ---: | ---: | ---: |\n";
  for (const Json& row : report["results"])
    std::cout << "| " << row["what"].get<std::string>() << " | " << row["rows"] << " | "
              << std::lround(row["tokens_per_second"].get<double>()) << " | "
              << std::lround(row["median"].get<double>()) << " |\n";
}

}  // namespace

int run(const BenchCommand& options) {
  torch::NoGradGuard no_grad;
  const auto opened = Clock::now();
  const auto model = open_model_for(options);
  const double open_seconds = seconds_since(opened);
  const DetoxStack detox = open_detoxifiers(options.detox);
  const TokenIds prompt = random_prompt(*model, options.prefill);
  Json report = {{"model", options.model},
                 {"precision", name(model->precision())},
                 {"threads", kernels::num_threads()},
                 {"kernels", kernels::name(kernels::active_isa())},
                 {"open_seconds", open_seconds},
                 {"results", Json::array()}};
  note_kv_cache(*model, report);
  const auto record = [&](const char* what, int64_t rows, const Speed& speed) {
    report["results"].push_back(
        {{"what", what}, {"rows", rows}, {"tokens_per_second", speed.best}, {"median", speed.median}});
  };
  record("prefill", 1, speed_of(options.repeat, [&] { return prefill_rate(*model, prompt); }));
  for (int64_t rows : options.rows)
    record("decode", rows,
           speed_of(options.repeat, [&] { return decode_rate(model, detox, prompt, rows, options.tokens); }));
  if (options.json)
    std::cout << to_text(report, 1) << '\n';
  else
    print_table(report);
  return 0;
}

}  // namespace limpid::apps
