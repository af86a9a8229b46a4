// Writes text with a detoxifier, as it grows:   generate MODEL "prompt" [DETOXIFIER[?key=value][:STRENGTH]]…
#include <exception>
#include <iostream>

#include "limpid/limpid.h"

int main(int argc, char** argv) try {
  if (argc < 3) {
    std::cerr << "usage: generate MODEL PROMPT [DETOXIFIER]...\n";
    return 2;
  }
  const auto model = limpid::open_named_model(argv[1]);
  const std::vector<std::string> specs(argv + 3, argv + argc);
  const limpid::DetoxStack detox = limpid::open_detoxifiers(specs);

  limpid::WritingOptions options;
  options.tokens = 24;
  options.sampling.top_p = 0.9f;
  options.sampling.seed = 1;
  limpid::stream(model, argv[2], detox, options, [](const std::string& piece) {
    std::cout << piece << std::flush;
    return true;
  });
  std::cout << '\n';
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
