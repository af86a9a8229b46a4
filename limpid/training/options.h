#pragma once

#include <functional>
#include <optional>

#include "limpid/checkpoints/peft.h"
#include "limpid/core/names.h"
#include "limpid/data/text_data.h"

/// Options of training runs. No LibTorch here: the command line binds to these structs.
namespace limpid {

struct AdamWOptions {
  double learning_rate = 5e-4;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double weight_decay = 0.01;  ///< of matrices; vectors (norms, biases) are not decayed
};

enum class Schedule { Linear, Cosine, Constant };
inline constexpr const char* kSchedules[] = {"linear", "cosine", "constant"};
constexpr Names names_of(Schedule) { return kSchedules; }

/// Which weights a run leaves: those of the best held-out loss, the last, or both.
enum class Keep { Best, Last, Both };
inline constexpr const char* kKeeps[] = {"best", "last", "both"};
constexpr Names names_of(Keep) { return kKeeps; }

struct TrainerOptions {
  fs::path output;                    ///< folder to write
  int64_t epochs = 1, max_steps = 0;  ///< max_steps 0: no limit besides epochs
  int64_t batch = 8, accumulate = 1;  ///< sequences per pass, passes per step
  AdamWOptions adamw{.learning_rate = 5e-5, .weight_decay = 0.0};
  Schedule schedule = Schedule::Linear;
  int64_t warmup = 0;                                        ///< steps
  double clip = 1.0;                                         ///< largest gradient norm; 0 is off
  int64_t eval_every = 100, save_every = 200, patience = 3;  ///< patience 0: no early stop
  Keep keep = Keep::Best;
  uint64_t seed = 1;
  std::function<void(int64_t step)> after_step;  ///< for tests; an exception ends the run as a crash would
};

struct ExampleOptions {
  int64_t max_length = 256;      ///< longer sequences are cut at the end, and then have no end token
  bool end_token = true;         ///< the tokenizer's EOS after the text
  std::string separator = "\n";  ///< between prompt and completion
};

/// The type that products are computed in. Master weights are float32.
enum class ComputeType { BF16, F32 };
inline constexpr const char* kComputeTypes[] = {"bf16", "f32"};
constexpr Names names_of(ComputeType) { return kComputeTypes; }

/// Options of every run that teaches a model from text.
struct TextRunOptions : TrainerOptions {
  fs::path base;  ///< a GGUF file or a Hugging Face folder
  DataOptions data;
  std::optional<ComputeType>
      compute;  ///< none: bf16 where the processor multiplies it, else it is several times slower
  ExampleOptions examples;
  double holdout = 0.02;   ///< share of rows for the held-out loss; 0 trains to the end and keeps the last weights
  bool pack = false;       ///< full windows of examples.max_length instead of padded texts
  bool recompute = false;  ///< forget activations in the blocks, and make them again in backward
};

struct CalibratorOptions : TextRunOptions {
  CalibratorOptions() { batch = 16, warmup = 50, adamw = AdamWOptions(); }
  int64_t layers = 3;
  bool train_embeddings = false;  ///< embeddings and output matrix are frozen by default, and stay those of the base
};

struct FineTuningOptions : TextRunOptions {
  bool freeze_embeddings = false;  ///< token embeddings and output matrix stay as they are
  fs::path init;       ///< instead of `base`: a config.json, for a model with random weights (fresh_weights.h)
  fs::path tokenizer;  ///< with `init`: a folder, a tokenizer.json, or a GGUF file
};

struct LoraOptions : TextRunOptions {
  LoraOptions() { adamw.learning_rate = 2e-4, adapter.target_modules = {"all-linear"}; }
  PeftConfig adapter;  ///< rank, alpha, dropout, targets (lora_adapters.h); the rest is filled in
  bool merge = false;  ///< also write the base with the change added to its weights, in the folder `merged`
};

/// With phi the mean token NLL, c the mean phi of an anchor's positives, s(x) its similarity to c:
///   Inside      s = exp(-|phi - c| / tau);   J = sum_P s / (sum_P s + weight * sum_N s),  loss -log J
///   Paper       s = exp(-|phi - c|) / tau;   the same J, in which tau cancels
///   AsReleased  c over all anchors of the pass; logits exp(-|phi - c|) / tau, + weight on negatives; loss the
///               cross-entropy with ones on all positives, over P + 1
enum class ContrastiveForm { Inside, Paper, AsReleased };
inline constexpr const char* kContrastiveForms[] = {"inside", "paper", "as_released"};
constexpr Names names_of(ContrastiveForm) { return kContrastiveForms; }

struct ContrastiveLoss {
  ContrastiveForm form = ContrastiveForm::Inside;
  double tau = 1.0;     ///< temperature, above 0
  double weight = 1.1;  ///< of negatives ("alpha"): a factor, or what AsReleased adds
};

struct ContrastiveOptions : LoraOptions {
  ContrastiveOptions() { adamw.learning_rate = 2.2e-5, batch = 2, accumulate = 3; }
  ContrastiveLoss loss;
};

}  // namespace limpid
