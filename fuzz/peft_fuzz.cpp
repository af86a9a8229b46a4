// A PEFT folder: adapter_config.json, and the weights as header and data.
#include "fuzz/support.h"
#include "limpid/checkpoints/peft.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  static const fuzzing::Folder folder;
  const auto files = fuzzing::files_of(fuzzing::text_of(data, size), 3);
  folder.write("adapter_config.json", files[0]);
  folder.write("adapter_model.safetensors", fuzzing::safetensors(files[1], files[2]));
  fuzzing::attempt([&] {
    const auto adapter = PeftAdapter::open(folder.path());
    for (const PeftModule& module : adapter->modules()) {
      to_floats(module.a);
      to_floats(module.b);
      adapter->config().scale(module.rank());
    }
  });
  return 0;
}
