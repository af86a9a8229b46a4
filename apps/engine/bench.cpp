#include <algorithm>
#include <chrono>
#include <iostream>

#include "apps/engine/commands.h"
#include "apps/engine/common.h"
#include "apps/terminal.h"
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

Speed speed_of(std::vector<double> rates) {
  std::sort(rates.begin(), rates.end());
  return {rates.back(), rates[rates.size() / 2]};
}

TokenIds random_prompt(const Model& model, int64_t length) {
  RandomStream random(1);
  TokenIds ids;
  for (int64_t i = 0; i < length; ++i) ids.push_back(TokenId(random.next_below(uint64_t(model.config().vocab_size))));
  return ids;
}

}  // namespace

int run_bench(const BenchOptions& options) {
  torch::NoGradGuard no_grad;
  const auto opened = Clock::now();
  const auto model = open_model_for(options);
  const double open_seconds = seconds_since(opened);
  const DetoxStack detox = open_detoxifiers(options.detox);
  const TokenIds prompt = random_prompt(*model, options.prefill);
  Json report = {{"model", options.model},
                 {"precision", name(model->options().precision)},
                 {"threads", kernels::num_threads()},
                 {"kernels", kernels::name(kernels::active_isa())},
                 {"open_seconds", open_seconds},
                 {"results", Json::array()}};
  const auto record = [&](const std::string& what, int64_t rows, const Speed& speed) {
    report["results"].push_back(
        {{"what", what}, {"rows", rows}, {"tokens_per_second", speed.best}, {"median", speed.median}});
  };

  std::vector<double> rates;
  for (int64_t run = 0; run < options.repeat; ++run) {
    terminal().throw_if_stopped();
    nn::KvCache cache = model->make_cache();
    const nn::Sequence sequence{&cache, prompt};
    const auto start = Clock::now();
    nn::Pass pass({&sequence, 1});
    model->output_matrix(model->final_state(pass, Outputs::Last));
    rates.push_back(double(prompt.size()) / seconds_since(start));
  }
  record("prefill", 1, speed_of(rates));

  for (int64_t rows : options.rows) {
    rates.clear();
    for (int64_t run = 0; run < options.repeat; ++run) {
      terminal().throw_if_stopped();
      GeneratorOptions generator_options;
      generator_options.max_rows = size_t(rows);
      Generator generator(model, detox.open(*model), generator_options);
      for (int64_t row = 0; row < rows; ++row) {
        Request request;
        request.sample = uint64_t(row);
        request.prompt_ids.assign(prompt.begin(), prompt.begin() + std::min<int64_t>(32, int64_t(prompt.size())));
        request.strengths = detox.strengths();
        request.stop.max_new_tokens = options.tokens + 1;
        generator.submit(std::move(request));
      }
      // The first step reads the prompt; only the steps after it are decoding.
      size_t finished = 0;
      const auto done = [&](const Completion& completion) {
        completion.check();
        ++finished;
      };
      generator.step(done);
      const uint64_t before = generator.tokens_generated();
      const auto start = Clock::now();
      generator.run(done);
      rates.push_back(double(generator.tokens_generated() - before) / seconds_since(start));
    }
    record("decode", rows, speed_of(rates));
  }
  if (options.json) {
    std::cout << to_text(report, 1) << '\n';
    return 0;
  }
  std::cout << options.model << ", " << name(model->options().precision) << ", " << kernels::num_threads()
            << " threads, " << kernels::name(kernels::active_isa()) << ", opened in " << open_seconds
            << " s\n\n| what | rows | tokens/s, best | median |\n| --- | ---: | ---: | ---: |\n";
  for (const Json& row : report["results"])
    std::cout << "| " << row["what"].get<std::string>() << " | " << row["rows"] << " | "
              << std::lround(row["tokens_per_second"].get<double>()) << " | "
              << std::lround(row["median"].get<double>()) << " |\n";
  return 0;
}

}  // namespace limpid::apps
