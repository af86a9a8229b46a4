#include "limpid/checkpoints/family_parts.h"
#include "limpid/checkpoints/quote.h"

/// ModernBERT (Warner et al. 2024, arXiv:2412.13663): pre-norm blocks with rotary positions and a gated feed-forward;
/// two layers of local attention, with a rotary base of their own, follow each layer that sees the whole text.
namespace limpid {
namespace {

/// Sets the layers that see the whole text where the file does not list them: the first and every n-th behind it.
void read_global_layers(const ConfigKeys& keys, ModelConfig& c) {
  const int64_t period = keys.integer_or({{"global_attn_every_n_layers"}}, 3);
  LIMPID_CHECK(period > 0, FormatError, keys.place(), ": \"global_attn_every_n_layers\" is ", period,
               ", expected a positive integer");
  if (keys.has({{"layer_types"}})) return;
  for (int64_t layer = 0; layer < c.num_layers; ++layer)
    c.layer_types[size_t(layer)] = layer % period == 0 ? LayerType::kFull : LayerType::kSliding;
}

void read_modernbert(const ConfigKeys& keys, ModelConfig& c) {
  read_encoder_config(keys, c);
  for (const char* name : {"rope_theta", "rope_scaling", "sliding_window", "use_sliding_window"})
    LIMPID_CHECK(!keys.has({{name}}), ConfigError, keys.place(), ": ", quote(name),
                 " is not supported for ModernBERT, whose two kinds of layers have settings of their own");
  LIMPID_CHECK(c.rotary_fraction == 1 && c.num_heads * c.head_dim == c.hidden_size, ConfigError, keys.place(),
               ": heads that rotate in part, or are not as wide together as the states, are not supported");
  c.type_vocab_size = 0;
  c.learned_positions = false;
  c.norm_eps = keys.number_or({{"norm_eps"}}, 1e-5);
  c.norm_bias = keys.boolean_or({{"norm_bias"}}, false);
  c.head_bias = keys.boolean_or({{"classifier_bias"}}, false);
  c.head_activation = keys.text_or({{"classifier_activation"}}, "gelu");
  const std::string pooling = keys.text_or({{"classifier_pooling"}}, "cls");
  LIMPID_CHECK(pooling == "cls" || pooling == "mean", FormatError, keys.place(), ": \"classifier_pooling\" is ",
               quote(pooling), ", expected \"cls\" or \"mean\"");
  c.mean_pooling = pooling == "mean";
  read_global_layers(keys, c);
  const int64_t window = keys.integer_or({{"local_attention"}}, 128);  // both sides together
  LIMPID_CHECK(window >= 2, FormatError, keys.place(), ": \"local_attention\" is ", window, ", expected 2 or more");
  c.sliding_window = window / 2 + 1;
  // Training, other heads, how it runs elsewhere, and an epsilon that norm_eps replaced.
  keys.pass_over({"decoder_bias", "deterministic_flash_attn", "initializer_cutoff_factor", "layer_norm_eps",
                  "reference_compile", "repad_logits_with_grad", "sparse_pred_ignore_index", "sparse_prediction"});
}

}  // namespace

Family modernbert_family() {
  using enum Projection;
  return {
      .name = "modernbert",
      .covers = "ModernBERT",
      .model_types = {"modernbert"},
      .gguf_architectures = {},
      .defaults = {.vocab_size = 50368,
                   .num_heads = 12,
                   .max_positions = 8192,
                   .activation = "gelu",
                   .tied = true,
                   .rope_theta = 160'000,
                   .local_rope_theta = 10'000,
                   .slides = true,
                   .sliding_window = 65},
      .rotary = true,
      .read_config = read_modernbert,
      .prefix = "model.",
      .layers = "layers.",
      .embedding = {"embeddings.tok_embeddings"},
      .projections = {{Query, "attn.query", {}, {"attn.Wqkv"}},
                      {Key, "attn.key", {}, {"attn.Wqkv"}},
                      {Value, "attn.value", {}, {"attn.Wqkv"}},
                      {AttentionOutput, "attn.Wo", {}},
                      {MlpGate, "mlp.gate", {}, {"mlp.Wi"}},
                      {MlpUp, "mlp.up", {}, {"mlp.Wi"}},
                      {MlpDown, "mlp.Wo", {}}},
      .output_bias = OutputBias::ByConfig,
      .encoder = EncoderParts{.attention_norm = "attn_norm",
                              .output_norm = "mlp_norm",
                              .features = "head.dense",
                              .classifier = "classifier",
                              .head_norm = "head.norm",
                              .embeddings_norm = "embeddings.norm"},
  };
}

}  // namespace limpid
