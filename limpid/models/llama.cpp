#include "limpid/models/families.h"
#include "limpid/nn/attention.h"
#include "limpid/nn/mlp.h"
#include "limpid/nn/norm.h"
#include "limpid/nn/rotary.h"

/// The Llama family (Touvron et al. 2023, arXiv:2302.13971): pre-norm blocks, rotary positions, grouped-query
/// attention, SwiGLU. Llama 2 and 3, SmolLM2, and checkpoints of the same layout.
namespace limpid {
namespace {

struct LlamaAttention {
  nn::Linear q_proj, k_proj, v_proj, o_proj;
  nn::AttentionSpec spec;

  LlamaAttention(const Weights& w, const ModelConfig& c)
      : q_proj(w.linear("q_proj", c.num_heads * c.head_dim, c.hidden_size, c.attention_bias)),
        k_proj(w.linear("k_proj", c.num_kv_heads * c.head_dim, c.hidden_size, c.attention_bias)),
        v_proj(w.linear("v_proj", c.num_kv_heads * c.head_dim, c.hidden_size, c.attention_bias)),
        o_proj(w.linear("o_proj", c.hidden_size, c.num_heads * c.head_dim, c.attention_bias)),
        spec{c.num_heads, c.num_kv_heads, c.head_dim, c.attention_scale} {}

  template <class Context>
  Tensor forward(const Tensor& x, int64_t layer, const nn::Rotary& rotary, const nn::RotaryTable& table,
                 const Context& context) const {
    auto qkv = nn::forward_many({&q_proj, &k_proj, &v_proj}, x);
    context.visit_qkv(layer, x, qkv);
    const Tensor q = rotary.apply(qkv[0], spec.heads, table), k = rotary.apply(qkv[1], spec.kv_heads, table);
    Tensor heads = nn::attention(spec, q, k, qkv[2], layer, context.pass);
    context.visit(Site::HeadOutputs, layer, heads);
    Tensor out = o_proj.forward(heads);
    context.visit(Projection::AttentionOutput, layer, heads, out);
    context.visit(Site::AttentionOutput, layer, out);
    return out;
  }
};

struct LlamaBlock {
  nn::RmsNorm input_layernorm, post_attention_layernorm;
  LlamaAttention self_attn;
  nn::GatedMlp mlp;

  LlamaBlock(const Weights& w, const ModelConfig& c)
      : input_layernorm(w.vector("input_layernorm.weight", c.hidden_size), c.norm_eps),
        post_attention_layernorm(w.vector("post_attention_layernorm.weight", c.hidden_size), c.norm_eps),
        self_attn(w.sub("self_attn"), c),
        mlp(w.sub("mlp").linear("gate_proj", c.intermediate_size, c.hidden_size, c.mlp_bias),
            w.sub("mlp").linear("up_proj", c.intermediate_size, c.hidden_size, c.mlp_bias),
            w.sub("mlp").linear("down_proj", c.hidden_size, c.intermediate_size, c.mlp_bias),
            nn::activation_named(c.activation, c.source)) {}
};

class Llama final : public Model {
 public:
  Llama(const ModelConfig& config, const Weights& w)
      : Model(config, w.options()),
        embed_tokens_(w.embedding("model.embed_tokens", config.vocab_size, config.hidden_size)),
        norm_(w.vector("model.norm.weight", config.hidden_size), config.norm_eps),
        rotary_(config.head_dim, config.rope) {
    for (int64_t layer = 0; layer < config_.num_layers; ++layer)
      layers_.emplace_back(w.sub("model.layers." + std::to_string(layer)), config_);
    head_ = config.tie_word_embeddings ? w.tied(embed_tokens_)
                                       : w.linear("lm_head", config.vocab_size, config.hidden_size, false);
    parameters_ = w.parameters();
    tables_ = w.tables();
  }

  const nn::Linear* find(Projection projection, int64_t layer) const override {
    const LlamaBlock& block = layers_.at(size_t(layer));
    switch (projection) {
      case Projection::Query: return &block.self_attn.q_proj;
      case Projection::Key: return &block.self_attn.k_proj;
      case Projection::Value: return &block.self_attn.v_proj;
      case Projection::AttentionOutput: return &block.self_attn.o_proj;
      case Projection::MlpGate: return &block.mlp.gate();
      case Projection::MlpUp: return &block.mlp.up();
      case Projection::MlpDown: return &block.mlp.down();
      case Projection::QueryKeyValue: break;
    }
    return nullptr;
  }

 private:
  Tensor embed(const nn::Pass& pass) const override { return embed_tokens(embed_tokens_, pass); }
  std::any tables(const nn::Pass& pass) const override { return rotary_.table(pass.positions); }

  Tensor block(int64_t layer, Tensor x, const Context& context) const override {
    const LlamaBlock& block = layers_[size_t(layer)];
    const auto& table = std::any_cast<const nn::RotaryTable&>(context.tables);
    x = nn::residual(x, block.self_attn.forward(block.input_layernorm.forward(x), layer, rotary_, table, context));
    return nn::residual(x, block.mlp.forward(block.post_attention_layernorm.forward(x), MlpVisits{context, layer}));
  }

  Tensor final_norm(const Tensor& x) const override { return norm_.forward(x); }

  nn::Embedding embed_tokens_;
  nn::RmsNorm norm_;
  nn::Rotary rotary_;
  std::vector<LlamaBlock> layers_;
};

/// GGUF names of the tensors; everything else is as in Hugging Face checkpoints.
std::string llama_gguf_name(const std::string& name) {
  static const std::vector<std::pair<std::string, std::string>> parts = {{"model.embed_tokens.", "token_embd."},
                                                                         {"model.norm.", "output_norm."},
                                                                         {"lm_head.", "output."},
                                                                         {"model.layers.", "blk."},
                                                                         {".input_layernorm.", ".attn_norm."},
                                                                         {".self_attn.q_proj.", ".attn_q."},
                                                                         {".self_attn.k_proj.", ".attn_k."},
                                                                         {".self_attn.v_proj.", ".attn_v."},
                                                                         {".self_attn.o_proj.", ".attn_output."},
                                                                         {".post_attention_layernorm.", ".ffn_norm."},
                                                                         {".mlp.gate_proj.", ".ffn_gate."},
                                                                         {".mlp.up_proj.", ".ffn_up."},
                                                                         {".mlp.down_proj.", ".ffn_down."}};
  return replace_parts(name, parts);
}

}  // namespace

std::shared_ptr<Model> make_llama(const ModelConfig& config, std::shared_ptr<const Checkpoint> checkpoint,
                                  const LoadOptions& options) {
  WeightLayout layout;
  if (config.from_gguf) {
    layout.rename = llama_gguf_name;
    layout.interleaved_heads = [config](const std::string& name) -> int64_t {
      if (name.find("q_proj") != std::string::npos) return config.num_heads;
      return name.find("k_proj") != std::string::npos ? config.num_kv_heads : 0;
    };
  }
  return std::make_shared<Llama>(config, Weights(std::move(checkpoint), layout, options));
}

}  // namespace limpid
