#include "limpid/models/families.h"
#include "limpid/nn/attention.h"
#include "limpid/nn/mlp.h"
#include "limpid/nn/norm.h"

/// GPT-2 (Radford et al. 2019): pre-norm blocks, learned positions, LayerNorm and biases everywhere, fused
/// query-key-value.
namespace limpid {
namespace {

struct Gpt2Block {
  nn::LayerNorm ln_1, ln_2;
  nn::Linear c_attn, attn_c_proj, c_fc, mlp_c_proj;
  nn::AttentionSpec spec;

  Gpt2Block(const Weights& w, const ModelConfig& c)
      : ln_1(w.vector("ln_1.weight", c.hidden_size), w.vector("ln_1.bias", c.hidden_size), c.norm_eps),
        ln_2(w.vector("ln_2.weight", c.hidden_size), w.vector("ln_2.bias", c.hidden_size), c.norm_eps),
        c_attn(w.linear("attn.c_attn", 3 * c.hidden_size, c.hidden_size, true)),
        attn_c_proj(w.linear("attn.c_proj", c.hidden_size, c.hidden_size, true)),
        c_fc(w.linear("mlp.c_fc", c.intermediate_size, c.hidden_size, true)),
        mlp_c_proj(w.linear("mlp.c_proj", c.hidden_size, c.intermediate_size, true)),
        spec{c.num_heads, c.num_heads, c.head_dim, c.attention_scale} {}
};

class Gpt2 final : public Model {
 public:
  Gpt2(const ModelConfig& config, const Weights& w)
      : Model(config, w.options()),
        wte_(w.embedding("wte", config.vocab_size, config.hidden_size)),
        wpe_(w.embedding("wpe", config.max_positions, config.hidden_size)),
        ln_f_(w.vector("ln_f.weight", config.hidden_size), w.vector("ln_f.bias", config.hidden_size), config.norm_eps),
        activation_(nn::activation_named(config.activation, config.source)) {
    for (int64_t layer = 0; layer < config_.num_layers; ++layer)
      h_.emplace_back(w.sub("h." + std::to_string(layer)), config_);
    head_ =
        config.tie_word_embeddings ? w.tied(wte_) : w.linear("lm_head", config.vocab_size, config.hidden_size, false);
    parameters_ = w.parameters();
    tables_ = w.tables();
  }

  const nn::Linear* find(Projection projection, int64_t layer) const override {
    const Gpt2Block& block = h_.at(size_t(layer));
    switch (projection) {
      case Projection::QueryKeyValue: return &block.c_attn;
      case Projection::AttentionOutput: return &block.attn_c_proj;
      case Projection::MlpGate: return &block.c_fc;
      case Projection::MlpDown: return &block.mlp_c_proj;
      case Projection::Query:
      case Projection::Key:
      case Projection::Value:
      case Projection::MlpUp: break;
    }
    return nullptr;
  }

 private:
  Tensor embed(const nn::Pass& pass) const override {
    return nn::residual(embed_tokens(wte_, pass), wpe_.forward(pass.positions));
  }

  Tensor block(int64_t layer, Tensor x, const Context& context) const override {
    const Gpt2Block& block = h_[size_t(layer)];
    const Tensor before = block.ln_1.forward(x);
    Tensor qkv = block.c_attn.forward(before);
    context.visit(Projection::QueryKeyValue, layer, before, qkv);
    const int64_t D = config_.hidden_size;
    Tensor heads = nn::attention(block.spec, qkv.narrow(1, 0, D), qkv.narrow(1, D, D), qkv.narrow(1, 2 * D, D), layer,
                                 context.pass);
    context.visit(Site::HeadOutputs, layer, heads);
    Tensor attention = block.attn_c_proj.forward(heads);
    context.visit(Projection::AttentionOutput, layer, heads, attention);
    context.visit(Site::AttentionOutput, layer, attention);
    x = nn::residual(x, attention);
    const MlpVisits visits{context, layer};
    const Tensor normed = block.ln_2.forward(x);
    Tensor inner = block.c_fc.forward(normed);
    visits.gate(normed, inner);
    inner = nn::activate(inner, activation_);
    Tensor out = block.mlp_c_proj.forward(inner);
    visits.down(inner, out);
    return nn::residual(x, out);
  }

  Tensor final_norm(const Tensor& x) const override { return ln_f_.forward(x); }

  nn::Embedding wte_, wpe_;
  nn::LayerNorm ln_f_;
  nn::Activation activation_;
  std::vector<Gpt2Block> h_;
};

std::string gpt2_gguf_name(const std::string& name) {
  static const std::vector<std::pair<std::string, std::string>> parts = {{"wte.", "token_embd."},
                                                                         {"wpe.", "position_embd."},
                                                                         {"ln_f.", "output_norm."},
                                                                         {"lm_head.", "output."},
                                                                         {"h.", "blk."},
                                                                         {".ln_1.", ".attn_norm."},
                                                                         {".attn.c_attn.", ".attn_qkv."},
                                                                         {".attn.c_proj.", ".attn_output."},
                                                                         {".ln_2.", ".ffn_norm."},
                                                                         {".mlp.c_fc.", ".ffn_up."},
                                                                         {".mlp.c_proj.", ".ffn_down."}};
  return replace_parts(name, parts);
}

}  // namespace

std::shared_ptr<Model> make_gpt2(const ModelConfig& config, std::shared_ptr<const Checkpoint> checkpoint,
                                 const LoadOptions& options) {
  WeightLayout layout;
  if (config.from_gguf) {
    layout.rename = gpt2_gguf_name;
  } else {
    layout.prefixes = {"transformer.", ""};            // the published checkpoint has no prefix
    layout.transposed = [](const std::string& name) {  // Conv1D stores [in, out]
      return name.find(".c_") != std::string::npos && name.ends_with(".weight");
    };
  }
  return std::make_shared<Gpt2>(config, Weights(std::move(checkpoint), layout, options));
}

}  // namespace limpid
