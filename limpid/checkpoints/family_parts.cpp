#include "limpid/checkpoints/family_parts.h"

namespace limpid {

std::vector<ProjectionFormat> usual_projections(decltype(StoredMatrix::row) row) {
  using enum Projection;
  return {{Query, "self_attn.q_proj", {.name = "attn_q", .row = row}},
          {Key, "self_attn.k_proj", {.name = "attn_k", .row = row}},
          {Value, "self_attn.v_proj", {"attn_v"}},
          {AttentionOutput, "self_attn.o_proj", {"attn_output"}},
          {MlpGate, "mlp.gate_proj", {"ffn_gate"}},
          {MlpUp, "mlp.up_proj", {"ffn_up"}},
          {MlpDown, "mlp.down_proj", {"ffn_down"}}};
}

int64_t neighbour_pair_row(const ModelConfig& config, Projection, int64_t row) {
  const int64_t head = row / config.head_dim, i = row % config.head_dim, half = config.head_dim / 2;
  return head * config.head_dim + i % half * 2 + i / half;
}

}  // namespace limpid
