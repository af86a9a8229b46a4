#pragma once

#include <torch/types.h>

#include <functional>
#include <span>
#include <vector>

#include "limpid/methods/weight_delta.h"

/// Model Surgery (Wang et al. 2024, arXiv:2407.08770; docs/methods.md, Model Surgery): rows r of the feed-forward gate
/// matrices of all L layers, F rows of width D each, are ranked together by -cos(r, v), v the direction of a behaviour;
/// the best get r <- r + a v. Where there is no gate, the rows of the first feed-forward matrix stand in.
namespace limpid::model_surgery {

/// A reader of rows: writes row `row` of layer `layer`, D floats.
using GateReader = std::function<void(int64_t layer, int64_t row, float* out)>;
GateReader gate_reader(
    const Model& model);  ///< dequantised where the weights are in blocks; as long as the model lives

struct GateRow {
  int64_t layer, row;
  double score;  ///< -cos(r, v); 0 for a row of zeros
};

/// Returns the `count` best of L * F rows, best first, equal ones in the order of layers and rows. Float64 inside; rows
/// are read on all threads.
/// @throws ConfigError for a count outside [1, L * F] or a direction that is zero.
std::vector<GateRow> rank_gate_rows(int64_t layers, int64_t rows, const GateReader& read, std::span<const float> v,
                                    int64_t count);

/// Returns the mean length |r| of rows.
double mean_length(const std::vector<GateRow>& rows, const GateReader& read, int64_t width);

/// Returns the change r <- r + a v at strength a for the rows given as [n, 2] int64 (layer, row): of rank one in each
/// layer.
/// @param v  [D]
/// @throws ShapeError for rows outside the layers.
WeightDeltas surgery_deltas(const Tensor& v, const Tensor& rows, int64_t num_layers);

}  // namespace limpid::model_surgery
