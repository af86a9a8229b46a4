#include "limpid/limpid.h"

namespace limpid {

std::vector<std::vector<Completion>> generate(const std::shared_ptr<const Model>& model,
                                              const std::vector<std::string>& prompts, const DetoxStack& detox,
                                              const WritingOptions& options, Watch& watch) {
  std::vector<std::vector<Completion>> texts(prompts.size(), std::vector<Completion>(size_t(options.samples)));
  Generator generator(model, detox.open(*model), {.max_rows = size_t(options.rows)});
  for (size_t p = 0; p < prompts.size(); ++p) {
    Request request = make_request(*model, prompts[p], options);
    request.prompt = p;
    request.strengths = detox.strengths();
    for (request.sample = 0; request.sample < uint64_t(options.samples); ++request.sample) generator.submit(request);
  }
  Progress progress(watch, "generate", prompts.size() * size_t(options.samples), "samples");
  uint64_t finished = 0;
  const auto done = [&](Completion completion) {
    completion.check();
    progress.update(++finished);
    texts[completion.prompt][completion.sample] = std::move(completion);
  };
  while (generator.step(done)) watch.throw_if_stopped();
  progress.finish();
  return texts;
}

Completion stream(const std::shared_ptr<const Model>& model, const std::string& prompt, const DetoxStack& detox,
                  const WritingOptions& options, const std::function<bool(const std::string& piece)>& on_text) {
  Generator generator(model, detox.open(*model), {.max_rows = 1});
  Request request = make_request(*model, prompt, options);
  request.strengths = detox.strengths();
  Completion written;
  request.on_token = [&](const TokenEvent& event) {
    written.ids.push_back(event.id);
    written.text += event.text;
    if (event.text.empty() || on_text(event.text)) return;
    generator.cancel(event.request);
    written.finish_reason = FinishReason::Stop;
  };
  generator.submit(std::move(request));
  generator.run([&](Completion completion) { written = std::move(completion); });
  written.check();
  return written;
}

}  // namespace limpid
