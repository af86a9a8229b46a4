#include "limpid/checkpoints/family_parts.h"

/// Llama 2 and 3, SmolLM2, and checkpoints of the same layout.
namespace limpid {
namespace {

Json write_llama(const ModelConfig& c) {
  Json json = decoder_config_json(c);
  json["model_type"] = "llama";
  json["architectures"] = {"LlamaForCausalLM"};
  json["hidden_act"] = c.activation;
  json["mlp_bias"] = c.mlp_bias;
  return json;
}

}  // namespace

Family llama_family() {
  return {
      .name = "llama",
      .covers = "Llama 1, 2 and 3, TinyLlama, SmolLM and SmolLM2, Yi, Vicuna",
      .model_types = {"llama"},
      .gguf_architectures = {"llama"},
      .defaults = {.max_positions = 2048, .norm_eps = 1e-6, .activation = "silu"},
      .rotary = true,
      .write_config = write_llama,
      .layers = "model.layers.",
      .embedding = {"model.embed_tokens", "token_embd"},
      .tensors = {{"model.norm", "output_norm"}},
      .projections = usual_projections(neighbour_pair_row),
      .block_tensors = {{"input_layernorm", "attn_norm"}, {"post_attention_layernorm", "ffn_norm"}},
      .output_bias = OutputBias::ByConfig,
  };
}

}  // namespace limpid
