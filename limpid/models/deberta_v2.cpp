#include <algorithm>
#include <cmath>

#include "limpid/kernels/thread_pool.h"
#include "limpid/models/bert.h"

/// DeBERTa-v2 and -v3 (He et al. 2021, arXiv:2006.03654 and 2111.09543): attention that also compares what stands in
/// one place with how far away the other is.
namespace limpid {
namespace {

/// Returns the distance that stands for `distance`: itself up to half of the buckets; beyond, the buckets left grow
/// with its logarithm. In float32, as the reference implementation has it, whose rounding decides where a bucket ends.
int64_t bucket_of(int64_t distance, const DisentangledAttention& d) {
  const int64_t half = d.buckets / 2, length = std::abs(distance);
  if (d.buckets == 0 || length <= half) return distance;
  const float share = std::log(float(length) / float(half)) / std::log(float(double(d.farthest - 1) / double(half)));
  const auto bucket = int64_t(std::ceil(share * float(half - 1))) + half;
  return distance < 0 ? -bucket : bucket;
}

/// Returns the rows of the table for the distances from 1 - longest to longest - 1.
std::vector<int64_t> rows_of_distances(int64_t longest, const DisentangledAttention& d) {
  std::vector<int64_t> rows;
  for (int64_t distance = 1 - longest; distance < longest; ++distance)
    rows.push_back(std::clamp<int64_t>(bucket_of(distance, d) + d.reach, 0, 2 * d.reach - 1));
  return rows;
}

/// What one kind of layer makes of all relative positions, for each head [2 reach, head_dim]; empty where it is not
/// used.
using PositionHeads = std::vector<nn::Linear>;

class DebertaV2 final : public Bert {
 public:
  DebertaV2(const ModelConfig& config, const Weights& w) : Bert(config, w) {
    const DisentangledAttention& d = config.disentangled;
    const int64_t D = config.hidden_size;
    if (d.convolution > 0) {
      convolution_ = w.convolution("encoder.conv.conv", D, D, d.convolution);
      convolution_norm_ = w.layer_norm("encoder.conv.LayerNorm");
    }
    if (!d.relative) return;
    const Tensor table = position_table(w);
    for (int64_t layer = 0; layer < num_layers(); ++layer) {
      const auto heads = [&](bool used, Projection shared, const char* own) {
        if (!used) return PositionHeads();
        if (d.shared_layers) return by_head(linears_[size_t(layer)][size_t(shared)].forward(table));
        return by_head(w.block(layer).linear(own, D, D, /*bias=*/true).forward(table));
      };
      keys_.push_back(heads(d.content_to_position, Projection::Key, "attention.self.pos_key_proj"));
      queries_.push_back(heads(d.position_to_content, Projection::Query, "attention.self.pos_query_proj"));
    }
  }

 private:
  Tensor position_table(const Weights& w) const {
    const int64_t rows = 2 * config_.disentangled.reach;
    std::vector<int32_t> all;
    for (int64_t row = 0; row < rows; ++row) all.push_back(int32_t(row));
    const Tensor table = w.embedding("encoder.rel_embeddings", rows, config_.hidden_size).forward(all);
    return config_.disentangled.normed ? w.layer_norm("encoder.LayerNorm").forward(table) : table;
  }

  PositionHeads by_head(const Tensor& made) const {  // [2 reach, D]
    PositionHeads heads;
    for (int64_t h = 0; h < config_.num_heads; ++h) {
      const Tensor head = made.narrow(1, h * config_.head_dim, config_.head_dim).contiguous();
      const auto packed =
          nn::PackedMatrix::pack(head.const_data_ptr<float>(), size_t(head.size(0)), size_t(head.size(1)));
      heads.emplace_back(packed, Tensor(), Precision::Exact);
    }
    return heads;
  }

  Tensor score_bias(const Tensor& q, const Tensor& k, const BlockContext& context) const override {
    if (!config_.disentangled.relative) return {};
    const nn::Pass& pass = context.pass;
    const int64_t longest = 1 + *std::max_element(pass.positions.begin(), pass.positions.end());
    const std::vector<int64_t> rows = rows_of_distances(longest, config_.disentangled);
    Tensor bias = torch::empty({pass.size(), config_.num_heads, (longest + 15) / 16 * 16}, torch::kFloat32);
    const size_t layer = size_t(context.layer);
    kernels::parallel_for(size_t(config_.num_heads), [&](size_t h) {
      const auto products = [&](const PositionHeads& heads, const Tensor& x) {  // [N, 2 reach], undefined where unused
        return heads.empty() ? Tensor()
                             : heads[h].forward(x.narrow(1, int64_t(h) * config_.head_dim, config_.head_dim));
      };
      fill(bias.select(1, int64_t(h)), products(keys_[layer], q), products(queries_[layer], k), rows, pass);
    });
    return bias;
  }

  /// bias[i, j] = scale * (to_position[i, row of i - j] + to_content[j, row of i - j]) for the tokens of each text.
  void fill(Tensor bias, const Tensor& to_position, const Tensor& to_content, const std::vector<int64_t>& rows,
            const nn::Pass& pass) const {
    const int64_t table = 2 * config_.disentangled.reach, zero = int64_t(rows.size()) / 2;
    const auto scale = float(config_.attention_scale);
    const float* position = to_position.defined() ? to_position.const_data_ptr<float>() : nullptr;
    const float* content = to_content.defined() ? to_content.const_data_ptr<float>() : nullptr;
    for (size_t s = 0; s < pass.sequences.size(); ++s) {
      const int64_t begin = pass.offset[s], length = pass.offset[s + 1] - begin;
      for (int64_t i = 0; i < length; ++i) {
        float* out = bias.mutable_data_ptr<float>() + (begin + i) * bias.stride(0);
        for (int64_t j = 0; j < length; ++j) {
          const int64_t row = rows[size_t(zero + i - j)];
          out[j] = position ? position[(begin + i) * table + row] : 0.0f;
          if (content) out[j] += content[(begin + j) * table + row];
          out[j] *= scale;
        }
      }
    }
  }

  Tensor block(Tensor x, const BlockContext& context) const override {
    if (context.layer > 0 || !convolution_.defined()) return Bert::block(std::move(x), context);
    const Tensor seen = neighbours(x, context.pass);  // made first: the block writes into x
    const Tensor out = Bert::block(std::move(x), context);
    const Tensor beside =
        head_activation(convolution_.forward(seen), config_.disentangled.convolution_activation, config_.source);
    return convolution_norm_.forward(nn::residual(beside, out));
  }

  /// The states around each token side by side, [N, width D], zeros beyond its text.
  Tensor neighbours(const Tensor& x, const nn::Pass& pass) const {
    const int64_t width = config_.disentangled.convolution, D = config_.hidden_size;
    Tensor seen = torch::zeros({x.size(0), width * D}, torch::kFloat32);
    for (size_t s = 0; s < pass.sequences.size(); ++s)
      for (int64_t t = pass.offset[s]; t < pass.offset[s + 1]; ++t)
        for (int64_t w = 0; w < width; ++w) {
          const int64_t from = t + w - width / 2;
          if (from < pass.offset[s] || from >= pass.offset[s + 1]) continue;
          std::copy_n(x.const_data_ptr<float>() + from * D, D, seen.mutable_data_ptr<float>() + (t * width + w) * D);
        }
    return seen;
  }

  std::vector<PositionHeads> keys_, queries_;  // [num_layers]; none without relative positions
  nn::Linear convolution_;                     // undefined without
  nn::LayerNorm convolution_norm_;
};

}  // namespace

std::shared_ptr<Encoder> make_deberta_v2(const ModelConfig& config, const Weights& weights) {
  return std::make_shared<DebertaV2>(config, weights);
}

}  // namespace limpid
