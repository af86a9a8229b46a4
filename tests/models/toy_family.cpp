#include "limpid/checkpoints/family.h"

/// The description of a made-up family: queries, keys and values in one matrix, gate and up in another.
namespace limpid {

Family toy_family() {
  using enum Projection;
  return {
      .name = "toy",
      .model_types = {"toy"},
      .gguf_architectures = {},
      .defaults = {.max_positions = 128, .activation = "silu", .tied = true},
      .rotary = true,
      .prefix = "net.",
      .layers = "blocks.",
      .embedding = {"tokens"},
      .projections = {{Query, "attn.q", {}, {"attn.qkv"}},
                      {Key, "attn.k", {}, {"attn.qkv"}},
                      {Value, "attn.v", {}, {"attn.qkv"}},
                      {AttentionOutput, "attn.out", {}},
                      {MlpGate, "mlp.gate", {}, {"mlp.gate_up"}},
                      {MlpUp, "mlp.up", {}, {"mlp.gate_up"}},
                      {MlpDown, "mlp.down", {}}},
  };
}

}  // namespace limpid
