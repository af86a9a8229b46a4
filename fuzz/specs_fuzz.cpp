// Any text as what the command line names things by: a detoxifier, data, columns and conditions, a scorer. The first
// byte chooses.
#include <algorithm>

#include "fuzz/support.h"
#include "limpid/data/labelled_text.h"
#include "limpid/methods/layer_range.h"
#include "limpid/methods/method_options.h"
#include "limpid/methods/method_table.h"
#include "limpid/scorers/scorer.h"

namespace {

using namespace limpid;

void read_detoxifier(const std::string& text) {
  const DetoxSpec spec = DetoxSpec::parse(text);
  for (const auto& methods :
       {std::span<const MethodInfo>(FileMethods::infos), std::span<const MethodInfo>(ForeignMethods::infos)})
    for (const MethodInfo& method : methods) fuzzing::attempt([&] { MethodOptions(method, spec); });
}

/// Returns a file of data, so that what stands behind it is looked at.
std::string data_file() {
  static const fuzzing::Folder folder;
  return folder.write("a.jsonl", R"({"text": "a", "prompt": "b", "label": 1, "source": "x", "n": 0.5})").string();
}

constexpr void (*kReaders[])(const std::string&) = {
    read_detoxifier,
    [](const std::string& text) { read_text_data({.files = {data_file() + "?" + text}, .where = {}, .fields = {}}); },
    [](const std::string& text) { read_text_data({.files = {data_file()}, .where = {text}, .fields = {}}); },
    [](const std::string& text) { read_text_data({.files = {data_file()}, .where = {}, .fields = {text}}); },
    [](const std::string& text) { read_labelled({.files = {data_file() + "?" + text}, .where = {}, .fields = {}}); },
    [](const std::string& text) { ScorerSpec::parse(text); },
    [](const std::string& text) { parse_layers(text, "layers"); },
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(fuzzing::text_of(data + 1, size - 1));
  // What a person types is shown as it was typed.
  if (std::any_of(text.begin(), text.end(), [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; })) return 0;
  fuzzing::attempt([&] { kReaders[data[0] % std::size(kReaders)](text); });
  return 0;
}
