#pragma once

#include "limpid/models/weights.h"
#include "limpid/nn/attention.h"
#include "limpid/nn/mlp.h"
#include "limpid/nn/rotary.h"

/// What a block of a decoder computes with.
namespace limpid {

class ActivationHook;
enum class Site;

/// One block in one pass. Multiplying is visiting: the products of a family go through here, each shown to the pass's
/// hook, so that no family forgets a door. Refers to the model's parts and to the pass; a copy is cheap.
struct BlockContext {
  int64_t layer;
  int64_t cache_layer;  ///< of the pass's caches, in which its keys and values lie: encoders have one for all
  const BlockLinears& linears;
  const nn::Experts& experts;  ///< undefined where the block has none
  nn::AttentionSpec attention;
  nn::Activation activation;
  const nn::Rotary& rotary;
  nn::RotaryTable rotary_table;
  const nn::Pass& pass;
  ActivationHook* hook;  ///< null: nobody listens

  /// Returns x [N, in] -> [N, out] of one linear layer.
  Tensor project(Projection projection, const Tensor& x) const;
  /// Returns the results of several layers with one input, in one parallel region.
  std::vector<Tensor> project(std::initializer_list<Projection> projections, const Tensor& x) const;
  /// Rotates x [N, heads * head_dim] to the positions of its tokens; in place in inference.
  Tensor rotate(Tensor x, int64_t heads) const { return rotary.apply(std::move(x), heads, rotary_table); }
  /// Attention of q [N, H * head_dim] over k, v [N, kv_heads * head_dim], mixed by the output projection: [N, D].
  Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v) const;
  Tensor attend(const std::array<Tensor, 3>& qkv) const { return attend(qkv[0], qkv[1], qkv[2]); }
  /// Queries, keys and values of one product, [N, (H + 2 kv_heads) * head_dim], as slices of it; queries and keys
  /// rotated.
  std::array<Tensor, 3> split_and_rotate(const Tensor& product) const;
  /// down(activation(gate(x)) * up(x)), Shazeer 2020, arXiv:2002.05202, or down(activation(gate(x))) in a family
  /// without MlpUp: [N, D] -> [N, D]. In a block with experts, what they make of it.
  Tensor feed_forward(const Tensor& x) const;

  void visit(Site site, Tensor& x) const;

 private:
  const nn::Linear& linear(Projection projection) const { return linears[size_t(projection)]; }
  void visit(Projection projection, const Tensor& x, Tensor& y) const;
};

}  // namespace limpid
