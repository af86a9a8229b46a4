#include "apps/options.h"

#include "limpid/methods/method_table.h"

namespace limpid::apps {

void add_common(Subcommand& c, CommonOptions& o) {
  c.heading("General");
  c.value("--threads", o.threads, "Threads; 0: as many as processors that this process may use")
      .hide_default()
      .environment("LIMPID_THREADS")
      .not_negative();
  c.flag("-q,--quiet", o.quiet, "Only warnings on standard error");
  c.heading("");
}

Option add_precision(Subcommand& c, std::optional<Precision>& precision) {
  return c
      .choice("--precision", precision,
              "What activations are rounded to before a product: exact, bf16, int8, or auto: as the weights (int8 for "
              "blocks)")
      .environment("LIMPID_PRECISION");
}

void add_ignored_settings(Subcommand& c, CommonOptions& o) {
  c.value(
       "--ignore-config", o.ignored_settings,
       "Name of a setting in the model's files that is taken as absent, with a warning, where Limpid would refuse it "
       "(repeatable)")
      .type_name("KEY")
      .one_at_a_time();
}

Option add_model_name(Subcommand& c, ModelOptions& o) {
  c.heading("Model");
  const Option model = c.value("-m,--model", o.model,
                               "A GGUF file, a Hugging Face folder, or the name of a pulled model (limpid models)")
                           .required()
                           .environment("LIMPID_MODEL");
  add_ignored_settings(c, o);
  c.heading("");
  return model;
}

void add_model(Subcommand& c, ModelOptions& o, std::optional<Precision> precision) {
  o.precision = precision;
  add_model_name(c, o);
  c.heading("Model");
  add_precision(c, o.precision);
  c.action("--exact", "Same as --precision exact", [&o] { o.precision = Precision::Exact; });
  add_common(c, o);
}

void add_kv_cache(Subcommand& c, CacheType& type) {
  c.heading("Model");
  c.choice("--kv-cache", type,
           "How the keys and values of the texts are kept: f32, bf16 in half the memory, or q8 in a good quarter")
      .environment("LIMPID_KV_CACHE");
  c.heading("");
}

std::string detox_help(const char* how) {
  return concat("Detoxifier FILE[?key=value&…][:STRENGTH]; ", how, "; strength 0 is off. limpid help detox says all");
}

Option add_detox(Subcommand& c, std::vector<std::string>& detox) {
  return c.value("--detox", detox, detox_help("several compose in this order").c_str())
      .type_name("FILE[:S]")
      .one_at_a_time();
}

namespace {

bool is_greedy(const SamplingOptions& o) { return o.is_greedy(); }
bool is_greedy(const SamplingChoices& o) { return o.greedy.value_or(false) || o.temperature == 0.0f; }

/// @param o  SamplingOptions, or SamplingChoices
template <class Sampling>
void add_sampling_options(Subcommand& c, Sampling& o, uint64_t& seed) {
  c.heading("Sampling");
  const auto idle = [&o](Option option) {
    option.idle_when([&o] { return is_greedy(o); }, "where the best token is always taken");
  };
  c.value("--temperature", o.temperature, "Divide logits by this; 1 is off, 0 is greedy")
      .idle_when([&o] { return o.greedy == true && o.temperature != 0.0f; }, "with --greedy");
  idle(c.value("--top-p", o.top_p, "Nucleus: the likeliest tokens up to this mass; 1 is off"));
  idle(c.value("--top-k", o.top_k, "The K likeliest tokens; 0 is off"));
  idle(c.value("--min-p", o.min_p, "Tokens at least this share as likely as the best; 0 is off"));
  idle(c.value("--typical-p", o.typical_p, "Locally typical tokens up to this mass; 1 is off"));
  c.value("--repetition-penalty", o.repetition_penalty, "Penalty on tokens that occurred; 1 is off");
  c.action("--greedy", "Always the best token", [&o] { o.greedy = true; });
  c.value("--seed", seed, "Same seed, same text, at any batch size or thread count").environment("LIMPID_SEED");
  c.heading("");
}

}  // namespace

void add_sampling(Subcommand& c, SamplingOptions& o) { add_sampling_options(c, o, o.seed); }
void add_sampling(Subcommand& c, SamplingChoices& o, uint64_t& seed) { add_sampling_options(c, o, seed); }

Option add_samples(Subcommand& c, int64_t& samples) {
  return c.value("--samples", samples, "Samples per prompt").positive();
}
Option add_tokens(Subcommand& c, int64_t& tokens) {
  return c.value("-n,--tokens", tokens, "New tokens per sample").positive();
}
void add_rows(Subcommand& c, int64_t& rows) { c.value("--rows", rows, "Sequences decoded together").positive(); }

namespace {

constexpr const char* kScorerHelp =
    "A scorer file, or a Hugging Face classification folder; default: the built-in head on minilm-l6";

}  // namespace

Option add_scorer(Subcommand& c, std::string& scorer) {
  return c.value("--scorer", scorer, kScorerHelp).environment("LIMPID_SCORER");
}

void add_scorers(Subcommand& c, std::vector<std::string>& scorers, const char* how) {
  c.value("--scorer", scorers, concat(kScorerHelp, "; ", how).c_str()).one_at_a_time().environment("LIMPID_SCORER");
}

void add_seed(Subcommand& c, uint64_t& seed) { c.value("--seed", seed, "Random choices"); }

void add_data(Subcommand& c, DataOptions& data, const char* help) {
  c.value("--data", data.files, help).required();
  c.value("--where", data.where, "Only rows with KEY=VALUE (several must all hold; KEY=A|B is either)");
  c.value("--fields", data.fields, "Other names for fields, for example prompt=question,completion=safe")
      .comma_separated();
}

Option add_pairs(Subcommand& c, DataOptions& pairs, int64_t& count) {
  const Option option =
      c.value("--pairs", pairs.files,
              "paradetox, or rows {\"toxic\", \"neutral\"} (jsonl, a JSON list or a table), as PATH[?key=value&…] "
              "(repeatable)");
  c.value("--where", pairs.where, "Only rows with KEY=VALUE");
  c.value("--fields", pairs.fields, "Other names: toxic=COLUMN,neutral=COLUMN").comma_separated();
  c.value("--count", count, "Pairs drawn at random").positive();
  return option;
}

void add_labelled(Subcommand& c, DataOptions& data, int64_t& count, int64_t& max_tokens) {
  add_data(c, data,
           "comments, or rows {\"text\", \"label\"} (jsonl, a JSON list or a table), as PATH[?key=value&…] with "
           "label=COLUMN, as=toxic|safe, take=N "
           "(repeatable); "
           "labels from 0.5 on are toxic");
  c.value("--count", count, "Texts of each class, drawn at random").positive();
  c.value("--max-tokens", max_tokens, "Of a text; what is longer loses its end").positive();
}

void add_fitted(Subcommand& c, fs::path& output) {
  c.value("-o,--output", output, "Where to write, usually NAME.detox.safetensors").required();
}

}  // namespace limpid::apps
