#include <cmath>

#include "limpid/checkpoints/family_parts.h"

/// Gemma 2 (Gemma Team 2024, arXiv:2408.00118): soft caps of scores and logits, every other layer with a window.
namespace limpid {
namespace {

void read_gemma2(const ConfigKeys& keys, ModelConfig& c) {
  c.mlp_bias = false;
  c.embedding_scale = std::sqrt(double(c.hidden_size));
  c.query_pre_attn_scalar =
      keys.gguf() ? gemma_score_scalar(c, /*layers_of_27b=*/46) : keys.number_or({{"query_pre_attn_scalar"}}, 256);
  const auto cap = [&](const char* key, double usual) {  // the class has a cap where the key is missing, none for null
    const bool none = keys.json() && keys.json()->contains(key);
    return keys.number_or({{key}, key}, none ? 0 : usual);
  };
  c.attention_softcap = cap("attn_logit_softcapping", 50);
  c.final_softcap = cap("final_logit_softcapping", 30);
  c.attention_scale = 1 / std::sqrt(c.query_pre_attn_scalar);
}

Json write_gemma2(const ModelConfig& c) {
  Json json = decoder_config_json(c);
  json["model_type"] = "gemma2";
  json["architectures"] = {"Gemma2ForCausalLM"};
  json["hidden_activation"] = c.activation;
  json["sliding_window"] = c.sliding_window;
  json["query_pre_attn_scalar"] = number_json(c.query_pre_attn_scalar);
  json["attn_logit_softcapping"] = c.attention_softcap > 0 ? Json(c.attention_softcap) : Json();
  json["final_logit_softcapping"] = c.final_softcap > 0 ? Json(c.final_softcap) : Json();
  json["layer_types"] = layer_types_json(c);
  return json;
}

}  // namespace

Family gemma2_family() {
  return {
      .name = "gemma2",
      .covers = "Gemma 2",
      .model_types = {"gemma2"},
      .gguf_architectures = {"gemma2"},
      .defaults = {.vocab_size = 256000,
                   .num_heads = 8,
                   .max_positions = 8192,
                   .num_kv_heads = 4,
                   .head_dim = 256,
                   .norm_eps = 1e-6,
                   .activation = "gelu_pytorch_tanh",
                   .tied = true,
                   .slides = true,
                   .sliding_window = 4096,
                   .sliding_pattern = 2},
      .rotary = true,
      .read_config = read_gemma2,
      .write_config = write_gemma2,
      .layers = "model.layers.",
      .embedding = {"model.embed_tokens", "token_embd"},
      .tensors = {{"model.norm", "output_norm"}},
      .projections = usual_projections(),
      .block_tensors = {{"input_layernorm", "attn_norm"},
                        {"post_attention_layernorm", "post_attention_norm"},
                        {"pre_feedforward_layernorm", "ffn_norm"},
                        {"post_feedforward_layernorm", "post_ffw_norm"}},
      .norm_offset = 1,
      .output_bias = OutputBias::ByConfig,
  };
}

}  // namespace limpid
