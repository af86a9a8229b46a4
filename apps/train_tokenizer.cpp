#include "apps/commands/train_tokenizer.h"

#include <iostream>

#include "apps/begin.h"
#include "limpid/core/staged_folder.h"

namespace limpid::apps {

int run(const TrainTokenizerCommand& options) {
  begin(options);
  terminal().catch_interrupts();
  StagedFolder folder(options.output, "tokenizer.json");
  BpeTrainer trainer(options.training);
  size_t bytes = 0;
  const RowCounts counts = for_each_text_row(options.data, [&](const TextRow& row, const Json&) {
    terminal().throw_if_stopped();
    for (const std::string& text : {row.prompt, row.text}) {
      trainer.add(text);
      bytes += text.size();
    }
  });
  const Json tokenizer = trainer.train(terminal());
  Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"}, {"clean_up_tokenization_spaces", false}};
  if (!options.training.special_tokens.empty())
    for (const char* role : {"bos_token", "eos_token"}) config[role] = options.training.special_tokens[0];
  write_file(folder.path() / "tokenizer.json", to_text(tokenizer, 1) + "\n");
  write_file(folder.path() / "tokenizer_config.json", to_text(config, 2) + "\n");
  folder.commit();
  std::cout << describe(counts) << ", " << bytes << " bytes; " << tokenizer["model"]["vocab"].size() << " tokens in "
            << options.output.string() << "\n";
  return 0;
}

}  // namespace limpid::apps
