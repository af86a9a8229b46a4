#include <benchmark/benchmark.h>

#include "limpid/core/files.h"
#include "limpid/tokenizers/tokenizer.h"

// Megabytes of text per second on one core, and one word of a megabyte, whose time must grow with its length alone.
//   LIMPID_TOKENIZERS=FOLDER:FOLDER LIMPID_TEXT=FILE tokenizers_benchmark
namespace limpid {
namespace {

std::vector<std::string> parts_of(const char* list) {
  std::vector<std::string> out;
  for (std::string_view rest = list ? list : ""; !rest.empty();) {
    const size_t end = std::min(rest.find(':'), rest.size());
    if (end > 0) out.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

void encode(benchmark::State& state, const Tokenizer& tokenizer, const std::string& text) {
  for (auto step : state) benchmark::DoNotOptimize(tokenizer.encode(text, false));
  state.SetBytesProcessed(int64_t(state.iterations() * text.size()));
}

int run(int argc, char** argv) {
  const std::vector<std::string> paths = parts_of(std::getenv("LIMPID_TOKENIZERS"));
  const char* file = std::getenv("LIMPID_TEXT");
  if (paths.empty() || !file) {
    std::fprintf(stderr, "set LIMPID_TOKENIZERS to tokenizers, with : between two, and LIMPID_TEXT to a text file\n");
    return 2;
  }
  const std::string text = read_file(file), word(1'000'000, 'a');
  for (const std::string& path : paths) {
    const auto tokenizer = open_tokenizer(path);
    const std::string name = fs::path(path).filename().string();
    benchmark::RegisterBenchmark((name + "/text").c_str(), [=](auto& state) { encode(state, *tokenizer, text); });
    benchmark::RegisterBenchmark((name + "/word").c_str(), [=](auto& state) { encode(state, *tokenizer, word); });
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace limpid

int main(int argc, char** argv) { return limpid::run(argc, argv); }
