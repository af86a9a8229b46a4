#include <algorithm>
#include <array>
#include <string_view>

#include "limpid/checkpoints/config_keys.h"

namespace limpid {
namespace {

/// Keys that config.json files of every family have or had and that change nothing a forward pass computes: where the
/// file comes from, how it was trained, how it runs elsewhere, how text is sampled (generation_config.json counts), and
/// the heads of other tasks.
constexpr auto kHarmlessKeys = std::to_array<std::string_view>(
    {// the file
     "architectures", "auto_map", "dtype", "is_llama_config", "language", "license", "model_max_length", "model_type",
     "name_or_path", "tokenizer_class", "tokenizer_name", "torch_dtype", "transformers.js_config",
     "transformers_version", "unsloth_fixed", "unsloth_version",
     // training
     "finetuning_task", "gradient_checkpointing", "init_std", "initializer_range", "keys_to_ignore_at_inference",
     "layerdrop", "output_past", "predict_special_tokens", "tie_weights_", "use_reentrant",
     // execution elsewhere
     "attn_implementation", "cache_implementation", "chunk_size_feed_forward", "max_sequence_length",
     "max_window_layers", "model_parallel", "n_ctx", "output_attentions", "output_hidden_states", "pretraining_tp",
     "reorder_and_upcast_attn", "return_dict", "tf_legacy_loss", "torchscript", "use_bfloat16", "use_cache",
     "use_flash_attention", "use_flash_attention_2", "use_return_dict", "use_sdpa", "xla_device",
     // sampling
     "bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample", "early_stopping",
     "encoder_no_repeat_ngram_size", "exponential_decay_length_penalty", "length_penalty", "max_length",
     "max_new_tokens", "min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_return_sequences",
     "output_scores", "prefix", "remove_invalid_values", "repetition_penalty", "return_dict_in_generate",
     "suppress_tokens", "task_specific_params", "temperature", "top_k", "top_p", "typical_p",
     // heads
     "directionality", "id2label", "label2id", "num_labels", "pooler_fc_size", "pooler_num_attention_heads",
     "pooler_num_fc_layers", "pooler_size_per_head", "pooler_type", "problem_type", "sentence_transformers",
     // tables that the file holds as they are
     "sinusoidal_pos_embds"});

constexpr std::string_view kHarmlessBeginnings[] = {"_", "summary_"};
constexpr std::string_view kHarmlessEndings[] = {"dropout", "dropout_prob", "_pdrop", "_token_id", "_token_index"};

}  // namespace

bool is_harmless_setting(std::string_view name) {
  const auto begins = [&](std::string_view part) { return name.starts_with(part); };
  const auto ends = [&](std::string_view part) { return name.ends_with(part); };
  return std::find(kHarmlessKeys.begin(), kHarmlessKeys.end(), name) != kHarmlessKeys.end() ||
         std::any_of(std::begin(kHarmlessBeginnings), std::end(kHarmlessBeginnings), begins) ||
         std::any_of(std::begin(kHarmlessEndings), std::end(kHarmlessEndings), ends);
}

}  // namespace limpid
