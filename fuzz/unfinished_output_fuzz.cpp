// Any text as the part that an interrupted run left: taken up and finished, or refused and left alone.
#include "fuzz/support.h"
#include "limpid/data/unfinished_output.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  static const fuzzing::Folder folder;
  static const Json settings = {{"seed", 1}};
  const std::string_view text = fuzzing::text_of(data, size);
  const fs::path part = folder.write("out.jsonl.part", text);
  const auto take_up = [&] {
    UnfinishedOutput output(folder.path() / "out.jsonl", settings);
    output.for_each_row([](std::string_view line) {
      if (line.find('\n') != std::string_view::npos) fuzzing::finding("a row of two lines");
    });
    const size_t before = output.size(), added = !output.has(7);
    output.add(7, R"({"prompt":"p"})");
    if (output.size() != before + added) fuzzing::finding("a row was not kept");
    output.finish();
  };
  if (!fuzzing::attempt(take_up) && !text.empty() && read_file(part) != text)
    fuzzing::finding("a part that was refused has changed");
  return 0;
}
