#pragma once

#include "apps/options.h"
#include "limpid/methods/method_table.h"

/// Options that several subcommands share.
namespace limpid::apps {

inline void add_common(CLI::App& command, CommonOptions& o) {
  command.add_option("--threads", o.threads, "Threads; 0 uses every core")
      ->envname("LIMPID_THREADS")
      ->check(CLI::NonNegativeNumber);
  command.add_flag("-q,--quiet", o.quiet, "Only warnings on standard error");
}

inline void add_precision(CLI::App& command, std::string& precision) {
  command
      .add_option("--precision", precision,
                  "What activations are rounded to before a product: exact, bf16, int8, or auto: as the weights (int8 "
                  "for blocks)")
      ->envname("LIMPID_PRECISION")
      ->check(CLI::IsMember({"auto", "exact", "bf16", "int8"}))
      ->capture_default_str();
}

inline void add_model_name(CLI::App& command, ModelOptions& o) {
  command
      .add_option("-m,--model", o.model,
                  "A GGUF file, a Hugging Face folder, or the name of a pulled model (limpid models)")
      ->required()
      ->envname("LIMPID_MODEL");
}

/// @param precision  the default: auto where speed counts, more where numbers are compared
inline void add_model(CLI::App& command, ModelOptions& o, const char* precision = "auto") {
  o.precision = precision;
  add_model_name(command, o);
  add_precision(command, o.precision);
  command.add_flag_callback("--exact", [&o] { o.precision = "exact"; }, "Same as --precision exact");
  add_common(command, o);
}

/// @param how  several of them are meant
inline std::string detox_help(const char* how) {
  return concat("Detoxifier FILE[?key=value&…][:STRENGTH], a control vector FILE.gguf, a PEFT adapter FOLDER, ",
                join(Controls::infos, " or ", &MethodInfo::name), "; ", how,
                ". Strength 0 is off. Keys: ", detoxifier_options_help());
}

inline void add_detox(CLI::App& command, std::vector<std::string>& detox) {
  command.add_option("--detox", detox, detox_help("several compose in this order"))
      ->type_name("FILE[:S]")
      ->allow_extra_args(false);
}

inline void add_sampling(CLI::App& command, SamplingFlags& o) {
  command.add_option("--temperature", o.temperature, "Divide logits by this; 0 is greedy")->capture_default_str();
  command.add_option("--top-p", o.top_p, "Nucleus: the likeliest tokens up to this mass; 1 is off")
      ->capture_default_str();
  command.add_option("--top-k", o.top_k, "The K likeliest tokens; 0 is off")->capture_default_str();
  command.add_option("--min-p", o.min_p, "Tokens at least this share as likely as the best; 0 is off")
      ->capture_default_str();
  command.add_option("--typical-p", o.typical_p, "Locally typical tokens up to this mass; 1 is off")
      ->capture_default_str();
  command.add_option("--repetition-penalty", o.repetition_penalty, "Penalty on tokens that occurred; 1 is off")
      ->capture_default_str();
  command.add_flag("--greedy", o.greedy, "Always the best token");
  command.add_option("--seed", o.seed, "Same seed, same text, at any batch size or thread count")
      ->envname("LIMPID_SEED")
      ->capture_default_str();
}

inline void add_data(CLI::App& command, std::vector<std::string>& data, std::vector<std::string>& where,
                     std::vector<std::string>& fields, const char* what) {
  command.add_option("--data", data, what)->required();
  command.add_option("--where", where, "Only rows with KEY=VALUE (several must all hold; KEY=A|B is either)");
  command.add_option("--fields", fields, "Other names for fields, for example prompt=question,completion=safe")
      ->delimiter(',');
}

/// Pairs of texts that mean the same, drawn at random.
inline CLI::Option* add_pairs(CLI::App& command, std::vector<std::string>& pairs, std::vector<std::string>& where,
                              std::vector<std::string>& fields, int64_t& count) {
  CLI::Option* option =
      command.add_option("--pairs", pairs, "jsonl {\"toxic\", \"neutral\"}, as PATH[?key=value&…] (repeatable)");
  command.add_option("--where", where, "Only rows with KEY=VALUE");
  command.add_option("--fields", fields, "Other names: toxic=COLUMN,neutral=COLUMN")->delimiter(',');
  command.add_option("--count", count, "Pairs drawn at random")->capture_default_str()->check(CLI::PositiveNumber);
  return option;
}

/// Labelled texts of both classes, drawn at random and cut to a length.
inline void add_labelled(CLI::App& command, std::vector<std::string>& data, std::vector<std::string>& where,
                         std::vector<std::string>& fields, int64_t& count, int64_t& max_tokens) {
  add_data(command, data, where, fields,
           "jsonl {\"text\", \"label\"}, as PATH[?key=value&…] with label=COLUMN, as=toxic|safe, take=N (repeatable); "
           "labels from 0.5 on are toxic");
  command.add_option("--count", count, "Texts of each class, drawn at random")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command.add_option("--max-tokens", max_tokens, "Of a text; what is longer loses its end")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
}

/// What every fit ends with.
inline void add_fitted(CLI::App& command, std::string& output) {
  command.add_option("-o,--output", output, "Where to write, usually NAME.detox.safetensors")->required();
}

/// A subcommand with its options; parsing it sets `chosen`.
template <class Options, class Declare>
void command(CLI::App& app, const char* name, const char* help, const char* example,
             const std::function<int(const Options&)>& handler, std::function<int()>& chosen, Declare declare) {
  CLI::App* sub = app.add_subcommand(name, help);
  sub->footer(std::string("Example:\n  ") + example);
  auto options = std::make_shared<Options>();
  declare(*sub, *options);
  sub->callback([options, handler, &chosen] { chosen = [options, handler] { return handler(*options); }; });
}

}  // namespace limpid::apps
