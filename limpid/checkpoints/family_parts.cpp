#include "limpid/checkpoints/family_parts.h"

#include <algorithm>

namespace limpid {

std::vector<ProjectionFormat> attention_projections(decltype(StoredMatrix::row) row) {
  using enum Projection;
  return {{Query, "self_attn.q_proj", {.name = "attn_q", .row = row}},
          {Key, "self_attn.k_proj", {.name = "attn_k", .row = row}},
          {Value, "self_attn.v_proj", {"attn_v"}},
          {AttentionOutput, "self_attn.o_proj", {"attn_output"}}};
}

std::vector<ProjectionFormat> usual_projections(decltype(StoredMatrix::row) row) {
  using enum Projection;
  std::vector<ProjectionFormat> all = attention_projections(row);
  all.insert(all.end(), {{MlpGate, "mlp.gate_proj", {"ffn_gate"}},
                         {MlpUp, "mlp.up_proj", {"ffn_up"}},
                         {MlpDown, "mlp.down_proj", {"ffn_down"}}});
  return all;
}

int64_t neighbour_pair_row(const ModelConfig& config, Projection, int64_t row) {
  const int64_t head = row / config.head_dim, i = row % config.head_dim, half = config.head_dim / 2;
  return head * config.head_dim + i % half * 2 + i / half;
}

int64_t grouped_row(const ModelConfig& config, Projection, int64_t row) {
  const int64_t shared = config.num_heads / config.num_kv_heads, width = config.head_dim;
  const int64_t head = row / width, i = row % width, keys = config.num_heads, values = keys + config.num_kv_heads;
  int64_t group = head / shared, place = head % shared;
  if (head >= values)
    group = head - values, place = shared + 1;
  else if (head >= keys)
    group = head - keys, place = shared;
  return (group * (shared + 2) + place) * width + i;
}

void read_window_switch(const ConfigKeys& keys, ModelConfig& c) {
  if (keys.gguf() || keys.boolean_or({{"use_sliding_window"}}, false)) return;
  c.sliding_window = 0;
  c.layer_types.assign(size_t(c.num_layers), LayerType::kFull);
}

void read_upper_windows(const ConfigKeys& keys, ModelConfig& c) {
  read_window_switch(keys, c);
  if (keys.json() && c.sliding_window > 0 && !keys.has({{"layer_types"}})) {
    constexpr int64_t kUsual = 28;  // of the config classes
    const int64_t full = keys.integer_or({{"max_window_layers"}}, kUsual);
    for (int64_t layer = 0; layer < std::min(full, c.num_layers); ++layer)
      c.layer_types[size_t(layer)] = LayerType::kFull;
  }
}

}  // namespace limpid
