#pragma once

#include "apps/options.h"

/// Commands that write models in other formats.
namespace limpid::apps {

enum class PlainType { F32, F16, BF16 };
inline constexpr const char* kPlainTypes[] = {"f32", "f16", "bf16"};
constexpr Names names_of(PlainType) { return kPlainTypes; }

enum class StoredType { Q4_K, Q4_0, Q4_1, Q5_K, Q6_K, Q8_0, BF16 };
inline constexpr const char* kStoredTypes[] = {"q4_k", "q4_0", "q4_1", "q5_k", "q6_k", "q8_0", "bf16"};
constexpr Names names_of(StoredType) { return kStoredTypes; }

struct ConvertCommand : CommonOptions {
  static constexpr CommandInfo kInfo{"convert", "A model from a Hugging Face folder to a GGUF file, or back",
                                     "limpid convert -m folder/ -o model.gguf\n"
                                     "  limpid convert -m model.gguf -o folder/ --type bf16",
                                     Runs::Here};

  std::string model;
  std::optional<PlainType> type;
  fs::path output;

  void declare(Subcommand& c) {
    c.value("-m,--model", model, "A Hugging Face folder, a GGUF file, or the name of a pulled model")
        .required()
        .environment("LIMPID_MODEL");
    add_ignored_settings(c, *this);
    c.choice("--type", type,
             "Type of the weights; auto keeps them as they are: blocks stay blocks in a GGUF file and become f32 in a "
             "folder, which has none");
    c.value("-o,--output", output, "A file that ends in .gguf, or a folder").required();
    add_common(c, *this);
  }
};
int run(const ConvertCommand& options);

struct QuantizeCommand : CommonOptions {
  static constexpr CommandInfo kInfo{"quantize", "A model as a smaller GGUF file, and the perplexity that it cost",
                                     "limpid quantize -m folder/ --type q4_k -o model-q4_k.gguf"};

  std::string model, text = "comments";
  StoredType type = StoredType::Q4_K;
  fs::path output;
  int64_t documents = 200;
  bool json = false;

  void declare(Subcommand& c) {
    c.value("-m,--model", model, "A Hugging Face folder, a GGUF file, or the name of a pulled model")
        .required()
        .environment("LIMPID_MODEL");
    add_ignored_settings(c, *this);
    c.choice("--type", type,
             "Blocks for the layers' matrices; the embedding and the output matrix get q8_0 at least, norms stay f32");
    c.value("--text", text, "What both models are measured on: plain text lines, jsonl with \"text\", or a named set");
    c.value("--documents", documents, "Its first so many documents; 0 does not measure").not_negative();
    c.value("-o,--output", output, "A file that ends in .gguf").required();
    c.flag("--json", json, "JSON instead of text");
    add_common(c, *this);
  }
};
int run(const QuantizeCommand& options);

}  // namespace limpid::apps
