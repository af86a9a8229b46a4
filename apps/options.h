#pragma once

#include "apps/cli.h"
#include "limpid/data/text_data.h"
#include "limpid/decoding/options.h"
#include "limpid/kernels/cache_rows.h"
#include "limpid/kernels/linear.h"

/// Options that several commands share, each declared here once: flag, environment variable LIMPID_…, help. Defaults
/// are those of the structs.
namespace limpid::apps {

using kernels::CacheType;
using kernels::Precision;

struct CommonOptions {
  int threads = 0;  ///< 0: all cores we may run on
  bool quiet = false;
  std::vector<std::string> ignored_settings;  ///< where models or tokenizers are read (known_settings.h)
};

struct ModelOptions : CommonOptions {
  std::string model;                    ///< a path, or the name of a pulled model
  std::optional<Precision> precision;   ///< none: as the weights
  CacheType kv_cache = CacheType::F32;  ///< an option of the commands that add_kv_cache() is called for
};

void add_common(Subcommand& c, CommonOptions& o);
Option add_precision(Subcommand& c, std::optional<Precision>& precision);
/// Adds --ignore-config, which every command has that reads a model or its tokenizer.
void add_ignored_settings(Subcommand& c, CommonOptions& o);
Option add_model_name(Subcommand& c, ModelOptions& o);
/// @param precision  the default: none where speed counts, more where numbers are compared
void add_model(Subcommand& c, ModelOptions& o, std::optional<Precision> precision = std::nullopt);
void add_kv_cache(Subcommand& c, CacheType& type);

std::string detox_help(const char* how);  ///< @param how  several of them are meant
std::string detoxifiers_explained();      ///< what `limpid help detox` prints
Option add_detox(Subcommand& c, std::vector<std::string>& detox);
void add_sampling(Subcommand& c, SamplingOptions& o);
/// The same options, of which each may be left open.
void add_sampling(Subcommand& c, SamplingChoices& o, uint64_t& seed);
Option add_samples(Subcommand& c, int64_t& samples);
Option add_tokens(Subcommand& c, int64_t& tokens);
void add_rows(Subcommand& c, int64_t& rows);
Option add_scorer(Subcommand& c, std::string& scorer);
/// The same option, repeatable. @param how  what several of them mean
void add_scorers(Subcommand& c, std::vector<std::string>& scorers, const char* how);
void add_seed(Subcommand& c, uint64_t& seed);  ///< seed of what is not sampling

void add_data(Subcommand& c, DataOptions& data, const char* help);
/// Adds the options of pairs of texts that mean the same, drawn at random.
Option add_pairs(Subcommand& c, DataOptions& pairs, int64_t& count);
/// Adds the options of labelled texts of both classes, drawn at random and cut to a length.
void add_labelled(Subcommand& c, DataOptions& data, int64_t& count, int64_t& max_tokens);
/// Adds the output, which every fit ends with.
void add_fitted(Subcommand& c, fs::path& output);

}  // namespace limpid::apps
