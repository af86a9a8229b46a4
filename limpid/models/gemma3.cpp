#include "limpid/models/families.h"
#include "limpid/nn/attention.h"
#include "limpid/nn/mlp.h"
#include "limpid/nn/norm.h"
#include "limpid/nn/rotary.h"

/// Gemma 3 text models (Gemma Team 2025, arXiv:2503.19786): norms before and after each half of a block, norms of
/// queries and keys, five sliding-window layers with their own rotary base to one full layer, embeddings scaled by
/// sqrt(D).
namespace limpid {
namespace {

/// Gemma multiplies by 1 + weight; a GGUF file has the 1 added already.
struct GemmaWeights {
  Weights w;
  double eps, offset;
  nn::RmsNorm norm(const std::string& name, int64_t size) const {
    return nn::RmsNorm(w.vector(name + ".weight", size), eps, offset);
  }
  GemmaWeights sub(const std::string& name) const { return {w.sub(name), eps, offset}; }
};

struct Gemma3Block {
  nn::RmsNorm input_layernorm, post_attention_layernorm, pre_feedforward_layernorm, post_feedforward_layernorm, q_norm,
      k_norm;
  nn::Linear q_proj, k_proj, v_proj, o_proj;
  nn::GatedMlp mlp;
  nn::AttentionSpec spec;

  Gemma3Block(const GemmaWeights& g, const ModelConfig& c, int64_t window)
      : input_layernorm(g.norm("input_layernorm", c.hidden_size)),
        post_attention_layernorm(g.norm("post_attention_layernorm", c.hidden_size)),
        pre_feedforward_layernorm(g.norm("pre_feedforward_layernorm", c.hidden_size)),
        post_feedforward_layernorm(g.norm("post_feedforward_layernorm", c.hidden_size)),
        q_norm(g.norm("self_attn.q_norm", c.head_dim)),
        k_norm(g.norm("self_attn.k_norm", c.head_dim)),
        q_proj(g.w.linear("self_attn.q_proj", c.num_heads * c.head_dim, c.hidden_size, c.attention_bias)),
        k_proj(g.w.linear("self_attn.k_proj", c.num_kv_heads * c.head_dim, c.hidden_size, c.attention_bias)),
        v_proj(g.w.linear("self_attn.v_proj", c.num_kv_heads * c.head_dim, c.hidden_size, c.attention_bias)),
        o_proj(g.w.linear("self_attn.o_proj", c.hidden_size, c.num_heads * c.head_dim, c.attention_bias)),
        mlp(g.w.linear("mlp.gate_proj", c.intermediate_size, c.hidden_size, false),
            g.w.linear("mlp.up_proj", c.intermediate_size, c.hidden_size, false),
            g.w.linear("mlp.down_proj", c.hidden_size, c.intermediate_size, false),
            nn::activation_named(c.activation, c.source)),
        spec{c.num_heads, c.num_kv_heads, c.head_dim, c.attention_scale, window} {}
};

struct Gemma3Tables {
  nn::RotaryTable full, local;
};

class Gemma3 final : public Model {
 public:
  Gemma3(const ModelConfig& config, const Weights& w)
      : Model(config, w.options()),
        embed_tokens_(w.embedding("model.embed_tokens", config.vocab_size, config.hidden_size)),
        rotary_(config.head_dim, config.rope),
        local_rotary_(config.head_dim, config.local_rope) {
    const GemmaWeights g{w, config.norm_eps, config.from_gguf ? 0.0 : 1.0};
    norm_ = g.norm("model.norm", config.hidden_size);
    for (int64_t layer = 0; layer < config_.num_layers; ++layer)
      layers_.emplace_back(g.sub("model.layers." + std::to_string(layer)), config_,
                           config_.layer_types[size_t(layer)] == LayerType::kSliding ? config_.sliding_window : 0);
    head_ = config.tie_word_embeddings ? w.tied(embed_tokens_)
                                       : w.linear("lm_head", config.vocab_size, config.hidden_size, false);
    parameters_ = w.parameters();
    tables_ = w.tables();
  }

  const nn::Linear* find(Projection projection, int64_t layer) const override {
    const Gemma3Block& block = layers_.at(size_t(layer));
    switch (projection) {
      case Projection::Query: return &block.q_proj;
      case Projection::Key: return &block.k_proj;
      case Projection::Value: return &block.v_proj;
      case Projection::AttentionOutput: return &block.o_proj;
      case Projection::MlpGate: return &block.mlp.gate();
      case Projection::MlpUp: return &block.mlp.up();
      case Projection::MlpDown: return &block.mlp.down();
      case Projection::QueryKeyValue: break;
    }
    return nullptr;
  }

 private:
  Tensor embed(const nn::Pass& pass) const override {
    return embed_tokens(embed_tokens_, pass).mul(float(config_.embedding_scale));
  }
  std::any tables(const nn::Pass& pass) const override {
    return Gemma3Tables{rotary_.table(pass.positions), local_rotary_.table(pass.positions)};
  }

  Tensor block(int64_t layer, Tensor x, const Context& context) const override {
    const Gemma3Block& block = layers_[size_t(layer)];
    const auto& tables = std::any_cast<const Gemma3Tables&>(context.tables);
    const bool local = block.spec.window > 0;
    const nn::RotaryTable& table = local ? tables.local : tables.full;
    const nn::Rotary& rotary = local ? local_rotary_ : rotary_;

    const Tensor normed = block.input_layernorm.forward(x);
    auto qkv = nn::forward_many({&block.q_proj, &block.k_proj, &block.v_proj}, normed);
    context.visit_qkv(layer, normed, qkv);
    const auto by_head = [&](const nn::RmsNorm& norm, const Tensor& y) {
      return norm.forward(y.view({-1, config_.head_dim})).view(y.sizes()).to(y.dtype());
    };
    const Tensor q = rotary.apply(by_head(block.q_norm, qkv[0]), block.spec.heads, table);
    const Tensor k = rotary.apply(by_head(block.k_norm, qkv[1]), block.spec.kv_heads, table);
    Tensor heads = nn::attention(block.spec, q, k, qkv[2], layer, context.pass);
    context.visit(Site::HeadOutputs, layer, heads);
    Tensor attention = block.o_proj.forward(heads);
    context.visit(Projection::AttentionOutput, layer, heads, attention);
    context.visit(Site::AttentionOutput, layer, attention);
    x = nn::residual(x, block.post_attention_layernorm.forward(attention));
    return nn::residual(x, block.post_feedforward_layernorm.forward(block.mlp.forward(
                               block.pre_feedforward_layernorm.forward(x), MlpVisits{context, layer})));
  }

  Tensor final_norm(const Tensor& x) const override { return norm_.forward(x); }

  nn::Embedding embed_tokens_;
  nn::RmsNorm norm_;
  nn::Rotary rotary_, local_rotary_;
  std::vector<Gemma3Block> layers_;
};

std::string gemma3_gguf_name(const std::string& name) {
  static const std::vector<std::pair<std::string, std::string>> parts = {
      {"model.embed_tokens.", "token_embd."},
      {"model.norm.", "output_norm."},
      {"lm_head.", "output."},
      {"model.layers.", "blk."},
      {".input_layernorm.", ".attn_norm."},
      {".self_attn.q_proj.", ".attn_q."},
      {".self_attn.k_proj.", ".attn_k."},
      {".self_attn.v_proj.", ".attn_v."},
      {".self_attn.o_proj.", ".attn_output."},
      {".self_attn.q_norm.", ".attn_q_norm."},
      {".self_attn.k_norm.", ".attn_k_norm."},
      {".post_attention_layernorm.", ".post_attention_norm."},
      {".pre_feedforward_layernorm.", ".ffn_norm."},
      {".post_feedforward_layernorm.", ".post_ffw_norm."},
      {".mlp.gate_proj.", ".ffn_gate."},
      {".mlp.up_proj.", ".ffn_up."},
      {".mlp.down_proj.", ".ffn_down."}};
  return replace_parts(name, parts);
}

}  // namespace

std::shared_ptr<Model> make_gemma3(const ModelConfig& config, std::shared_ptr<const Checkpoint> checkpoint,
                                   const LoadOptions& options) {
  WeightLayout layout;
  if (config.from_gguf) layout.rename = gemma3_gguf_name;
  return std::make_shared<Gemma3>(config, Weights(std::move(checkpoint), layout, options));
}

}  // namespace limpid
