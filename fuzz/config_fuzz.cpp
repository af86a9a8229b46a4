// A config.json with its generation_config.json: read, or refused; what we write of it is read again.
#include "fuzz/support.h"
#include "limpid/checkpoints/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  const auto files = fuzzing::files_of(fuzzing::text_of(data, size), 2);
  ModelConfig config;
  const auto read = [&] {
    const Json generation = files[1].empty() ? Json() : parse_json(files[1], "generation_config.json");
    config = config_from_huggingface(parse_json(files[0], "config.json"), generation, "config.json");
  };
  Json written;
  if (!fuzzing::attempt(read) || !fuzzing::attempt([&] { written = config_to_huggingface(config); })) return 0;
  fuzzing::must("a config that we wrote", [&] { config_from_huggingface(written, Json(), "written"); });
  return 0;
}
