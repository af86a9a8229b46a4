#include "limpid/checkpoints/tied_output.h"

#include <algorithm>

#include "limpid/checkpoints/tensor_names.h"
#include "limpid/core/warnings.h"

namespace limpid {

void untie_separate_output(ModelConfig& config, const Checkpoint& checkpoint) {
  if (config.from_gguf || !config.tie_word_embeddings) return;  // a GGUF file ties by leaving the matrix out
  const Family& family = family_of(config);
  const auto find = [&](const TensorNames& names) {
    const std::string name = concat(names.name, ".weight");
    return find_stored(checkpoint, config, stored_tensor(config, name, FileKind::HuggingFace));
  };
  const TensorView *output = find(family.output), *embedding = find(family.embedding);
  if (!output || !embedding) return;
  std::vector<std::byte> made_output, made_embedding;
  const TensorView its_own = checkpoint.load(*output, made_output), tied = checkpoint.load(*embedding, made_embedding);
  if (its_own.dtype == tied.dtype && std::ranges::equal(its_own.data, tied.data)) return;
  config.tie_word_embeddings = false;
  if (config.raw.is_object()) config.raw["tie_word_embeddings"] = false;
  warn(concat("[config] ", config.source, ": \"tie_word_embeddings\" is true, but ", checkpoint.source(), " holds a \"",
              output->name, "\" that differs from the embedding; the file's own matrix is used"));
}

}  // namespace limpid
