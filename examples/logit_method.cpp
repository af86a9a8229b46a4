// A method of one's own: a Session that lowers the logits of some tokens.   logit_method MODEL "prompt" "word"…
#include <iostream>

#include "limpid/limpid.h"

/// Takes `strength` nats from every token that one of the words is written with.
class Discourage final : public limpid::Session {
 public:
  Discourage(const limpid::Tokenizer& tokenizer, const std::vector<std::string>& words) {
    for (const std::string& word : words)
      for (limpid::TokenId id : tokenizer.encode(" " + word, /*add_special=*/false)) tokens_.push_back(id);
  }
  void logits(const limpid::Step& step, limpid::Tensor& z) override {
    for (size_t r = 0; r < step.rows.size(); ++r)
      for (limpid::TokenId id : tokens_) z[int64_t(r)][id] -= step.strengths[r];
  }

 private:
  std::vector<limpid::TokenId> tokens_;
};

int main(int argc, char** argv) {
  const auto model = limpid::open_named_model(argv[1]);
  for (const float strength : {0.0f, 10.0f}) {
    std::vector<std::unique_ptr<limpid::Session>> sessions;
    sessions.push_back(
        std::make_unique<Discourage>(*model->tokenizer(), std::vector<std::string>(argv + 3, argv + argc)));
    limpid::Generator generator(model, std::move(sessions));
    limpid::Request request = limpid::make_request(*model, argv[2], {.tokens = 16});
    request.sampling.greedy = true;
    request.strengths = {strength};
    generator.submit(request);
    generator.run([&](limpid::Completion written) { std::cout << strength << ": " << written.text << '\n'; });
  }
}
