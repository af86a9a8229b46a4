#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

/// What can be said to each subcommand: one struct per command, filled by the parser in options*.cpp, the one place
/// that declares an option (its flag, environment variable LIMPID_…, config key, help and default).
namespace limpid::apps {

struct CommonOptions {
  int threads = 0;  ///< 0: all cores we may run on
  bool quiet = false;
};

struct ModelOptions : CommonOptions {
  std::string model;
  std::string precision = "auto";  ///< auto, exact, bf16, int8
};

struct SamplingFlags {
  double temperature = 1.0, top_p = 1.0, min_p = 0.0, typical_p = 1.0, repetition_penalty = 1.0;
  int64_t top_k = 0;
  uint64_t seed = 0;
  bool greedy = false;
};

struct GenerateOptions : ModelOptions {
  std::vector<std::string> prompts;
  std::string prompts_file, output;
  std::vector<std::string> detox;
  SamplingFlags sampling;
  int64_t tokens = 64, samples = 1, rows = 25;
  bool chat = false, json = false, ignore_eos = false, explain = false;
  std::vector<std::string> stop;
};

struct TraceOptions : ModelOptions {
  std::string prompt, ids_file, output;
  std::vector<std::string> detox;
};

struct BenchOptions : ModelOptions {
  std::vector<std::string> detox;
  std::vector<int64_t> rows = {1, 8, 25};
  int64_t prefill = 256, tokens = 64, repeat = 3;
  bool json = false;
};

struct PerplexityOptions : ModelOptions {
  std::string file, output;
  bool json = false;
};

struct TokenizeOptions : CommonOptions {
  std::string model, file;
  bool no_special = false, decode = false;
};

struct InspectOptions : CommonOptions {
  std::string file, report;
  bool json = false;
};
struct ModelsOptions : CommonOptions {
  bool pull = false;
  std::string name;
  bool json = false;
};
struct DoctorOptions : CommonOptions {
  bool json = false;
};

struct MetricsOptions : ModelOptions {
  std::string file, judge;
  bool json = false;
};

/// What the commands that teach a model from text share.
struct TextTrainingFlags : ModelOptions {
  std::vector<std::string> data, where, fields;
  std::string output, compute = "auto", schedule = "linear", keep = "best";
  int64_t epochs = 1, max_steps = 0, batch = 8, accumulate = 1, max_length = 256, warmup = 0, eval_every = 100,
          save_every = 200;
  double learning_rate = 5e-5, weight_decay = 0.0, clip = 1.0, holdout = 0.02, beta1 = 0.9, beta2 = 0.999,
         epsilon = 1e-8;
  int64_t patience = 3;
  uint64_t seed = 1;
  bool no_end_token = false, pack = false, checkpoint_activations = false;
};

struct TrainCalibratorOptions : TextTrainingFlags {
  TrainCalibratorOptions() { batch = 16, warmup = 50, learning_rate = 5e-4, weight_decay = 0.01; }
  int64_t layers = 3;
  bool train_embeddings = false;
};

struct TrainLmOptions : TextTrainingFlags {
  std::string init, tokenizer;
  bool freeze_embeddings = false;
};

struct TrainLoraOptions : TextTrainingFlags {
  TrainLoraOptions() { learning_rate = 2e-4; }
  int64_t rank = 16;
  double alpha = 32.0, dropout = 0.0;
  std::vector<std::string> target_modules = {"all-linear"};
  bool rank_stabilised = false, merge = false;
};

struct TrainContrastiveOptions : TrainLoraOptions {
  TrainContrastiveOptions() { learning_rate = 2.2e-5, batch = 2, accumulate = 3, no_end_token = true; }
  std::string form = "inside";
  double tau = 1.0, negative_weight = 1.1;
};

struct TrainScorerOptions : CommonOptions {
  std::string encoder = "minilm-l6", output;
  std::vector<std::string> data, where, fields, valid, test;
  std::vector<int64_t> stages;  ///< empty: the last layer
  std::string licence;
  double C = 10.0, threshold = -1.0;  ///< negative: break-even on the held-out texts
  int64_t max_length = 96;
  uint64_t seed = 1;
};

struct FitFusionOptions : ModelOptions {
  std::string calibrator, against, base, readout = "norm", align = "none", store = "auto", output;
  std::vector<std::string> data, where, fields;
  int64_t pairs = 20000;
  double lambda = 1.0, temperature = 0.07;
  std::optional<double> strength;
  uint64_t seed = 1;
};

struct FitDesteinOptions : ModelOptions {
  std::vector<std::string> pairs, where, fields;
  std::string tap = "projection", directions = "mean", rule = "preserve", positions = "last", layers, output,
              pairs_output;
  int64_t count = 1000, window = 8, folds = 5;
  double C = 1.0;
  std::optional<double> strength;
  bool no_prefixes = false, chat = false;
  // Self-induced pairs.
  bool self_induced = false;
  std::string prompts_file, rewriter, scorer;
  int64_t samples = 20, tokens = 30, limit = 0;
  uint64_t seed = 1;
};

struct FitReversalOptions : ModelOptions {
  std::string prefix, output;  ///< empty: the paper's description
  double norm_exponent = 0.4, similarity_exponent = 0.6, strength = 1.0;
};

struct FitDebiasingOptions : ModelOptions {
  std::vector<std::string> prefixes;  ///< empty: the paper's descriptions
  std::string output;
  double epsilon = 0.01, strength = 50.0;
};

struct FitSasaOptions : ModelOptions {
  std::vector<std::string> data, where, fields;
  std::string variant = "paper", output;
  int64_t count = 1000, max_tokens = 128, candidates = 40;
  double shrinkage = 0.1;
  std::optional<double> strength;
  uint64_t seed = 1;
};

struct FitProfsOptions : ModelOptions {
  std::vector<std::string> pairs, where, fields;
  std::string layers, output;
  int64_t count = 500, k = 0, max_tokens = 128;
  std::optional<double> strength;
  uint64_t seed = 1;
};

struct FitModelSurgeryOptions : ModelOptions {
  std::vector<std::string> data, where, fields;
  std::string output;
  int64_t count = 1000, rows = 0, max_tokens = 100;
  double C = 1.0;
  std::optional<double> strength;
  uint64_t seed = 1;
};

struct MultipleChoiceOptions : ModelOptions {
  std::vector<std::string> detox;
  std::string file, format = "answer", output;
  int64_t shots = 0, limit = 0, rows = 32;
  bool json = false;
};

struct FitExpertsOptions : ModelOptions {
  std::string anti, expert, mask = "nucleus:0.9", output;
  double strength = 2.0;
};

struct FitGediOptions : ModelOptions {
  std::string guide, clean, dirty, output;
  std::vector<double> bias = {0.0, 0.0};
  double scale = 1.0, class_bias = 2.0, filter_p = 0.8, target_p = 0.8, strength = 30.0;
};

struct ExportOptions : ModelOptions {
  std::string detox, to = "auto", output;
};

struct ScoreOptions : CommonOptions {
  std::string scorer, file, output, field = "text";
  bool json = false;
};

struct DistilOptions : ModelOptions {
  std::string anti, output, beta = "inf", contexts, scorer;
  std::vector<std::string> first_order;
  int64_t texts = 640, length = 256, top_k = 0, rows = 16;
  std::optional<int64_t> opening;  ///< default: 2, and 0 with contexts
  double alpha = 0.1, temperature = 1.0, reject = 0.0;
  uint64_t seed = 1;
  bool no_score = false, plain = false;
};

/// What `evaluate` and `tune` share.
struct ProtocolOptions : ModelOptions {
  std::string prompts_file, scorer, output;
  std::vector<std::string> judges;
  std::string judge_precision = "bf16";
  SamplingFlags sampling;
  int64_t samples = 25, tokens = 20, rows = 25, limit = 0;
  bool json = false;
};

struct EvaluateOptions : ProtocolOptions {
  std::vector<std::string> detox;
  std::vector<double> strengths;
  int64_t examples = 0;
  bool dry_run = false;
};

struct TuneCommandOptions : ProtocolOptions {
  std::string detox, budget, aim, write;
  double tolerance = 0.02, largest = 0.0;
  int64_t max_steps = 8;
};

struct PlotOptions : CommonOptions {
  std::vector<std::string> folders, only;
  std::string output;
};

/// One per subcommand: how the program runs it once the options are parsed.
struct Handlers {
  std::function<int(const GenerateOptions&)> generate;
  std::function<int(const TraceOptions&)> trace;
  std::function<int(const BenchOptions&)> bench;
  std::function<int(const PerplexityOptions&)> perplexity;
  std::function<int(const TokenizeOptions&)> tokenize;
  std::function<int(const InspectOptions&)> inspect;
  std::function<int(const ModelsOptions&)> models;
  std::function<int(const DoctorOptions&)> doctor;
  std::function<int(const MetricsOptions&)> metrics;
  std::function<int(const TrainCalibratorOptions&)> train_calibrator;
  std::function<int(const TrainLmOptions&)> train_lm;
  std::function<int(const TrainLoraOptions&)> train_lora;
  std::function<int(const TrainContrastiveOptions&)> train_contrastive;
  std::function<int(const TrainScorerOptions&)> train_scorer;
  std::function<int(const FitFusionOptions&)> fit_fusion;
  std::function<int(const FitDesteinOptions&)> fit_destein;
  std::function<int(const FitReversalOptions&)> fit_reversal;
  std::function<int(const FitDebiasingOptions&)> fit_debiasing;
  std::function<int(const FitSasaOptions&)> fit_sasa;
  std::function<int(const FitProfsOptions&)> fit_profs;
  std::function<int(const FitModelSurgeryOptions&)> fit_model_surgery;
  std::function<int(const FitExpertsOptions&)> fit_dexperts;
  std::function<int(const FitGediOptions&)> fit_gedi;
  std::function<int(const ExportOptions&)> export_detoxifier;
  std::function<int(const DistilOptions&)> distil;
  std::function<int(const ScoreOptions&)> score;
  std::function<int(const EvaluateOptions&)> evaluate;
  std::function<int(const TuneCommandOptions&)> tune;
  std::function<int(const MultipleChoiceOptions&)> multiple_choice;
  std::function<int(const PlotOptions&)> plot;
};

/// The parts of declare_commands that have subcommands of their own.
void declare_train(CLI::App& app, const Handlers& handlers, std::function<int()>& chosen);
void declare_fit(CLI::App& app, const Handlers& handlers, std::function<int()>& chosen);
void declare_distil(CLI::App& app, const Handlers& handlers, std::function<int()>& chosen);
void declare_evaluation(CLI::App& app, const Handlers& handlers, std::function<int()>& chosen);

/// Declares every subcommand on `app`. After app.parse, `chosen()` runs the one that was given.
void declare_commands(CLI::App& app, const Handlers& handlers, std::function<int()>& chosen);

}  // namespace limpid::apps
