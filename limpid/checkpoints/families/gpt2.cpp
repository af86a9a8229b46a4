#include "limpid/checkpoints/config_keys.h"
#include "limpid/checkpoints/family.h"

/// GPT-2 and models fine-tuned from it, DialoGPT and DistilGPT2 among them.
namespace limpid {
namespace {

void read_gpt2(const ConfigKeys& keys, ModelConfig& c) {
  if (!keys.boolean_or({{"scale_attn_weights"}}, true)) c.attention_scale = 1;
}

Json write_gpt2(const ModelConfig& c) {
  return {{"model_type", "gpt2"},
          {"architectures", {"GPT2LMHeadModel"}},
          {"n_embd", c.hidden_size},
          {"n_layer", c.num_layers},
          {"n_head", c.num_heads},
          {"n_inner", c.intermediate_size},
          {"n_positions", c.max_positions},
          {"layer_norm_epsilon", c.norm_eps},
          {"activation_function", c.activation}};
}

}  // namespace

Family gpt2_family() {
  using enum Projection;
  constexpr StoredMatrix kConv1d = {.transposed = true};
  return {
      .name = "gpt2",
      .covers = "GPT-2, DialoGPT, DistilGPT2",
      .model_types = {"gpt2"},
      .gguf_architectures = {"gpt2"},
      .defaults = {.max_positions = 1024,
                   .inner_multiple = 4,
                   .norm_eps = 1e-5,
                   .activation = "gelu_new",
                   .tied = true,
                   .biased = true},
      .read_config = read_gpt2,
      .write_config = write_gpt2,
      .prefix = "transformer.",  // the published checkpoint has none
      .layers = "h.",
      .embedding = {"wte", "token_embd"},
      .tensors = {{"wpe", "position_embd"}, {"ln_f", "output_norm"}},
      .projections = {{QueryKeyValue, "attn.c_attn", {"attn_qkv"}, kConv1d},
                      {AttentionOutput, "attn.c_proj", {"attn_output"}, kConv1d},
                      {MlpGate, "mlp.c_fc", {"ffn_up"}, kConv1d},
                      {MlpDown, "mlp.c_proj", {"ffn_down"}, kConv1d}},
      .block_tensors = {{"ln_1", "attn_norm"}, {"ln_2", "ffn_norm"}},
      .output_bias = OutputBias::Always,
  };
}

}  // namespace limpid
