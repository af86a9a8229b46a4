// Any bytes as a file of data. The first byte chooses the file's name, the second who reads it.
#include "fuzz/support.h"
#include "limpid/data/choice_questions.h"
#include "limpid/data/generations.h"
#include "limpid/data/labelled_text.h"
#include "limpid/data/pairs.h"

namespace {

using limpid::fs::path;

constexpr const char* kNames[] = {"a.jsonl", "a.json", "a.csv", "a.tsv", "a.txt", "a"};
constexpr void (*kReaders[])(const path&) = {
    [](const path& file) { limpid::read_prompts(file); },
    [](const path& file) { limpid::read_text_data({.files = {file.string()}, .where = {}, .fields = {}}); },
    [](const path& file) { limpid::read_pairs({.files = {file.string()}, .where = {}, .fields = {}}); },
    [](const path& file) { limpid::read_labelled({.files = {file.string()}, .where = {}, .fields = {}}); },
    [](const path& file) { limpid::read_choice_questions(file); },
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  static const fuzzing::Folder folder;
  if (size < 3) return 0;
  const path file = folder.write(kNames[data[0] % std::size(kNames)], fuzzing::text_of(data + 2, size - 2));
  fuzzing::attempt([&] { kReaders[data[1] % std::size(kReaders)](file); });
  return 0;
}
