// A model's folder: model.safetensors.index.json, config.json, which may say how weights are quantised, and one file of
// weights, given as header and data. Without an index the weights are model.safetensors.
#include "fuzz/support.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  static const fuzzing::Folder folder;
  const auto files = fuzzing::files_of(fuzzing::text_of(data, size), 4);
  const std::string weights = fuzzing::safetensors(files[2], files[3]);
  folder.write("model.safetensors.index.json", files[0]);
  folder.write("config.json", files[1]);
  folder.write("model.safetensors", files[0].empty() ? weights : "");
  folder.write("a.safetensors", files[0].empty() ? "" : weights);
  fuzzing::attempt([&] { fuzzing::read_tensors(*Checkpoint::open(folder.path())); });
  return 0;
}
