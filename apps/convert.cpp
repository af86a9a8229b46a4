#include "limpid/conversion/convert.h"

#include <iostream>

#include "apps/begin.h"
#include "apps/commands/convert.h"
#include "apps/terminal.h"
#include "limpid/checkpoints/model_store.h"

namespace limpid::apps {

int run(const ConvertCommand& options) {
  begin(options);
  constexpr DType kTypes[] = {DType::F32, DType::F16, DType::BF16};  // in the order of PlainType
  const auto type = options.type ? std::optional(kTypes[size_t(*options.type)]) : std::nullopt;
  const fs::path model = resolve_model(options.model);
  const bool gguf = options.output.extension() == ".gguf";
  const ConvertedModel written = gguf ? write_gguf_model(model, options.output, type, terminal())
                                      : write_huggingface_model(model, options.output, type, terminal());
  std::cout << options.output.string() << ": " << written.parameters << " parameters, " << written.bytes / 1000000.0
            << " MB (before: " << written.stored_bytes / 1000000.0 << " MB)\n";
  return 0;
}

}  // namespace limpid::apps
