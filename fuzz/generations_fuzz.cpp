// Any text as a file of generations: what is read is written so that it is read the same, and can be measured.
#include "fuzz/support.h"
#include "limpid/data/generations.h"
#include "limpid/metrics/ordinary.h"
#include "limpid/metrics/toxicity.h"

namespace {

using namespace limpid;

void check_round_trip(const std::vector<GenerationRow>& rows) {
  for (const GenerationRow& row : rows) {
    const std::string line = to_line(row);
    fuzzing::must("a row that we wrote", [&] {
      if (to_line(parse_generation_row(line, "written")) != line) fuzzing::finding("a row is read as another: " + line);
    });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzzing::Folder folder;
  const fs::path file = folder.write("generations.jsonl", fuzzing::text_of(data, size));
  std::vector<GenerationRow> rows;
  if (!fuzzing::attempt([&] { rows = read_generations(file); })) return 0;
  check_round_trip(rows);
  const BootstrapOptions few{.replicates = 2};
  fuzzing::attempt([&] { to_text(to_json(measure_toxicity(toxicity_scores(rows), {.bootstrap = few}))); });
  fuzzing::attempt([&] { to_text(to_json(measure_ordinary(rows, few))); });
  return 0;
}
