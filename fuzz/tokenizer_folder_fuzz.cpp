// A folder with a vocabulary and the files beside it: tokenizer_config.json, special_tokens_map.json,
// added_tokens.json. The first byte chooses what the vocabulary is.
#include "fuzz/support.h"
#include "fuzz/use_tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limpid;
  constexpr const char* kVocabularies[] = {"tokenizer.json", "vocab.json", "vocab.txt", "gpt2.tiktoken"};
  static const fuzzing::Folder folder;
  if (size == 0) return 0;
  const auto files = fuzzing::files_of(fuzzing::text_of(data + 1, size - 1), 5);
  const std::string chosen = kVocabularies[data[0] % std::size(kVocabularies)];
  for (const std::string name : kVocabularies) folder.write(name, name == chosen ? files[0] : "");
  folder.write("merges.txt", files[1]);
  folder.write("tokenizer_config.json", files[2]);
  folder.write("special_tokens_map.json", files[3]);
  folder.write("added_tokens.json", files[4]);
  fuzzing::attempt([&] { fuzzing::use_tokenizer(open_tokenizer(folder.path()), fuzzing::kText); });
  return 0;
}
