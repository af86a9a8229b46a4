// A detoxifier file: its metadata, the tensors of its header, and data.
#include "fuzz/support.h"
#include "limpid/methods/detoxifier_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  static const fuzzing::Folder folder;
  const auto parts = fuzzing::files_of(fuzzing::text_of(data, size), 3);
  const fs::path path = folder.write("a.safetensors", fuzzing::limpid_file(parts[0], parts[1], parts[2]));
  std::shared_ptr<const DetoxifierFile> file;
  if (!fuzzing::attempt([&] { file = DetoxifierFile::open(path); })) return 0;
  fuzzing::read_tensors(*file->tensors());
  for (const DetoxifierNeed& need : file->info().needs) fuzzing::attempt([&] { file->need(need.role); });
  fuzzing::attempt([&] { file->part(file->info().settings, "part0.", "settings"); });
  return 0;
}
