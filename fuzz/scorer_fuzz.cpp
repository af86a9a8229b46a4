// A scorer file: its metadata, the tensors of its header, and data. What is read is written and read the same.
#include "fuzz/support.h"
#include "limpid/scorers/scorer_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  static const fuzzing::Folder folder;
  const auto parts = fuzzing::files_of(fuzzing::text_of(data, size), 3);
  const fs::path path = folder.write("a.safetensors", fuzzing::limpid_file(parts[0], parts[1], parts[2]));
  ScorerFile file;
  if (!fuzzing::attempt([&] { file = ScorerFile::read(path); })) return 0;
  const std::vector<float> features(file.inputs(), 0.5f);
  const double score = file.score(features.data());
  if (score < 0.0 || score > 1.0) fuzzing::finding("a score outside of 0 to 1");
  return 0;
}
