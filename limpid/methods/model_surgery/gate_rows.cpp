#include "limpid/methods/model_surgery/gate_rows.h"

#include <algorithm>
#include <cmath>

#include "limpid/core/error.h"
#include "limpid/kernels/thread_pool.h"

namespace limpid::model_surgery {
namespace {

struct Moments {
  double square = 0.0, dot = 0.0;
};

Moments moments(const std::vector<float>& row, std::span<const float> v) {
  Moments m;
  for (size_t i = 0; i < v.size(); ++i) {
    m.square += double(row[i]) * double(row[i]);
    m.dot += double(row[i]) * double(v[i]);
  }
  return m;
}

}  // namespace

GateReader gate_reader(const Model& model) {
  return [&model](int64_t layer, int64_t row, float* out) {
    const nn::Linear& gate = model.projection(Projection::MlpGate, layer);
    if (gate.packed()) return gate.packed()->row(size_t(row), out);
    const float* from = gate.weight().const_data_ptr<float>() + row * gate.weight().size(1);
    std::copy(from, from + gate.weight().size(1), out);
  };
}

std::vector<GateRow> rank_gate_rows(int64_t layers, int64_t rows, const GateReader& read, std::span<const float> v,
                                    int64_t count) {
  LIMPID_CHECK(count >= 1 && count <= layers * rows, ConfigError, "[model surgery] ", count, " rows of ", layers * rows,
               " are asked for");
  double length = 0.0;
  for (float value : v) length += double(value) * double(value);
  length = std::sqrt(length);
  LIMPID_CHECK(length > 0.0 && std::isfinite(length), ConfigError, "[model surgery] the direction has length ", length,
               "; nothing can be ranked by it");

  std::vector<GateRow> ranked(size_t(layers * rows));
  kernels::parallel_for(size_t(layers), [&](size_t layer) {
    std::vector<float> values(v.size());
    for (int64_t row = 0; row < rows; ++row) {
      read(int64_t(layer), row, values.data());
      const Moments m = moments(values, v);
      ranked[layer * size_t(rows) + size_t(row)] = {int64_t(layer), row,
                                                    m.square > 0.0 ? -m.dot / (std::sqrt(m.square) * length) : 0.0};
    }
  });
  std::stable_sort(ranked.begin(), ranked.end(), [](const GateRow& a, const GateRow& b) { return a.score > b.score; });
  ranked.resize(size_t(count));
  return ranked;
}

double mean_length(const std::vector<GateRow>& rows, const GateReader& read, int64_t width) {
  std::vector<float> values(static_cast<size_t>(width));
  double sum = 0.0;
  for (const GateRow& gate_row : rows) {
    read(gate_row.layer, gate_row.row, values.data());
    sum += std::sqrt(moments(values, values).square);
  }
  return rows.empty() ? 0.0 : sum / double(rows.size());
}

WeightDeltas surgery_deltas(const Tensor& v, const Tensor& rows, int64_t num_layers) {
  LIMPID_CHECK(v.dim() == 1 && rows.dim() == 2 && rows.size(1) == 2, ShapeError, "[model surgery] direction ",
               v.sizes(), " and rows ", rows.sizes(), ", expected [width] and [rows, 2]");
  WeightDeltas deltas{Projection::MlpGate, DeltaInput::Input, std::vector<WeightDelta>(size_t(num_layers))};
  const Tensor pairs = rows.contiguous();
  const int64_t* pair = pairs.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < pairs.size(0); ++i, pair += 2) {
    LIMPID_CHECK(pair[0] >= 0 && pair[0] < num_layers, ShapeError, "[model surgery] a row of layer ", pair[0],
                 ", the layers are 0 to ", num_layers - 1);
    deltas.layers[size_t(pair[0])].rows.push_back(pair[1]);
  }
  for (WeightDelta& delta : deltas.layers) {
    if (delta.rows.empty()) continue;
    std::sort(delta.rows.begin(), delta.rows.end());
    delta.down = v.unsqueeze(0);
    delta.up = torch::ones({1, int64_t(delta.rows.size())});
  }
  return deltas;
}

}  // namespace limpid::model_surgery
