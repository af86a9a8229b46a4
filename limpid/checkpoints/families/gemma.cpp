#include <cmath>

#include "limpid/checkpoints/family_parts.h"

/// Gemma (Gemma Team 2024, arXiv:2403.08295): Llama's blocks with GeGLU, norms around 1 and embeddings scaled by
/// sqrt(D).
namespace limpid {
namespace {

void read_gemma(const ConfigKeys&, ModelConfig& c) {
  c.mlp_bias = false;
  c.embedding_scale = std::sqrt(double(c.hidden_size));
  if (c.activation == "gelu") c.activation = "gelu_pytorch_tanh";  // what the first configs meant
}

Json write_gemma(const ModelConfig& c) {
  Json json = decoder_config_json(c);
  json["model_type"] = "gemma";
  json["architectures"] = {"GemmaForCausalLM"};
  json["hidden_act"] = c.activation;
  return json;
}

}  // namespace

Family gemma_family() {
  return {
      .name = "gemma",
      .covers = "Gemma 2B and 7B",
      .model_types = {"gemma"},
      .gguf_architectures = {"gemma"},
      .defaults = {.vocab_size = 256000,
                   .num_heads = 16,
                   .max_positions = 8192,
                   .num_kv_heads = 16,
                   .head_dim = 256,
                   .norm_eps = 1e-6,
                   .activation = "gelu_pytorch_tanh",
                   .tied = true},
      .rotary = true,
      .read_config = read_gemma,
      .write_config = write_gemma,
      .layers = "model.layers.",
      .embedding = {"model.embed_tokens", "token_embd"},
      .tensors = {{"model.norm", "output_norm"}},
      .projections = usual_projections(),
      .block_tensors = {{"input_layernorm", "attn_norm"}, {"post_attention_layernorm", "ffn_norm"}},
      .norm_offset = 1,
      .output_bias = OutputBias::ByConfig,
  };
}

}  // namespace limpid
