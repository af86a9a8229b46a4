// Any text as the journal of an interrupted run and its settings: taken up and continued, or refused and left alone.
#include "fuzz/support.h"
#include "limpid/data/journal.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  static const fuzzing::Folder folder;
  static const Json settings = {{"seed", 1}, {"sampling", {{"top_p", 0.9}}}};
  const auto files = fuzzing::files_of(fuzzing::text_of(data, size), 2);
  const fs::path path = folder.write("generations.jsonl", files[1]);
  folder.write("generations.jsonl.settings.json", files[0]);
  size_t finished = 0;
  const auto take_up = [&] {
    GenerationJournal journal(path, settings);
    finished = journal.size();
    if (journal.has(7)) return;
    journal.append({.index = 7,
                    .prompt = "p",
                    .prompt_ids = {},
                    .generations = {{.text = "t", .ids = {}, .toxicity = {}, .finish_reason = {}}}});
    ++finished;
  };
  if (!fuzzing::attempt(take_up)) {
    if (!files[1].empty() && read_file(path) != files[1]) fuzzing::finding("a journal that was refused has changed");
    return 0;
  }
  fuzzing::must("a journal that was continued", [&] {
    GenerationJournal journal(path, settings);
    if (journal.size() != finished) fuzzing::finding("a journal has lost rows");
    journal.sort_by_index();
  });
  return 0;
}
