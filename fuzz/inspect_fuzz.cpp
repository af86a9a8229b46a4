// Any bytes as a file that `limpid inspect` explains. The first byte chooses its name.
#include "fuzz/support.h"
#include "limpid/checkpoints/inspect.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  constexpr const char* kNames[] = {"a.safetensors", "a.gguf", "a.json", "a.jsonl", "a"};
  static const fuzzing::Folder folder;
  if (size < 2) return 0;
  const fs::path file = folder.write(kNames[data[0] % std::size(kNames)], fuzzing::text_of(data + 1, size - 1));
  fuzzing::attempt([&] {
    const std::string explained = inspect(file);
    for (size_t line = 0, end; (end = explained.find('\n', line)) != std::string::npos; line = end + 1)
      fuzzing::check_line(std::string_view(explained).substr(line, end - line));
  });
  return 0;
}
