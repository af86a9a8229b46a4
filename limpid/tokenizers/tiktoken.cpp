#include <algorithm>
#include <charconv>
#include <set>

#include "limpid/checkpoints/quote.h"
#include "limpid/tokenizers/base64.h"
#include "limpid/tokenizers/json_parts.h"
#include "limpid/tokenizers/merge.h"
#include "limpid/tokenizers/split_rules.h"
#include "limpid/tokenizers/tokenizer_files.h"

// Tiktoken's files: lines of "base64 rank", the rank being the token's id. They do not say how text is cut, nor which
// special tokens there are: both come with the name of the encoding.
namespace limpid {

namespace {

/// A special token and its id, counted from the number of ranks.
struct Special {
  std::string text;
  TokenId offset;
};

/// Adds tokens <|name_0|>, <|name_1|>, … at the offsets that are free.
std::vector<Special> with_numbered(std::vector<Special> specials, const char* name, size_t count) {
  std::set<TokenId> taken;
  for (const Special& special : specials) taken.insert(special.offset);
  TokenId offset = 0;
  for (size_t number = 0; number < count; ++offset)
    if (!taken.contains(offset)) specials.push_back({concat("<|", name, "_", number++, "|>"), offset});
  return specials;
}

/// What a name stands for. Sources: tiktoken_ext/openai_public.py; Qwen's tokenization_qwen.py; Llama 3's tokenizer.py.
struct Encoding {
  std::string_view name;
  size_t ranks;  // of the published file
  std::string_view split;
  std::vector<Special> specials;
  size_t bos = SIZE_MAX, eos = 0;  // among the specials
};

const Encoding kEncodings[] = {
    {"gpt2", 50'256, kGpt2Split, {{"<|endoftext|>", 0}}},
    {"r50k", 50'256, kGpt2Split, {{"<|endoftext|>", 0}}},
    {"p50k", 50'280, kGpt2Split, {{"<|endoftext|>", -24}}},
    {"cl100k",
     100'256,
     kCl100kSplit,
     {{"<|endoftext|>", 1},
      {"<|fim_prefix|>", 2},
      {"<|fim_middle|>", 3},
      {"<|fim_suffix|>", 4},
      {"<|endofprompt|>", 20}}},
    {"o200k", 199'998, kO200kSplit, {{"<|endoftext|>", 1}, {"<|endofprompt|>", 20}}},
    {"qwen", 151'643, kQwen2Split,
     with_numbered({{"<|endoftext|>", 0}, {"<|im_start|>", 1}, {"<|im_end|>", 2}}, "extra", 205)},
    {"llama3", 128'000, kLlama3Split,
     with_numbered({{"<|begin_of_text|>", 0},
                    {"<|end_of_text|>", 1},
                    {"<|finetune_right_pad_id|>", 4},
                    {"<|start_header_id|>", 6},
                    {"<|end_header_id|>", 7},
                    {"<|eom_id|>", 8},
                    {"<|eot_id|>", 9},
                    {"<|python_tag|>", 10}},
                   "reserved_special_token", 248),
     0, 1},
};

/// Finds the encoding by the file's name, else by the number of its ranks; Llama 3's file is called tokenizer.model.
const Encoding& encoding_of(const fs::path& file, size_t ranks) {
  const std::string name = file.filename().string();
  for (const Encoding& encoding : kEncodings)
    if (name.find(encoding.name) != std::string::npos) return encoding;
  for (const Encoding& encoding : kEncodings)
    if (encoding.ranks == ranks) return encoding;
  if (name == "tokenizer.model") return kEncodings[std::size(kEncodings) - 1];
  std::string names;
  for (const Encoding& encoding : kEncodings) (names += names.empty() ? "" : ", ") += encoding.name;
  throw ConfigError(concat("[tokenizer] ", file.string(), ": neither its name nor its number of ranks, ", ranks,
                           ", says how text is cut; rename it so that its name holds one of ", names));
}

/// Byte-pair encoding by the rank of what a pair makes, the lowest first; a piece that is a token stays whole.
class RankModel final : public PieceModel {
 public:
  explicit RankModel(std::shared_ptr<const TokenTable> tokens, size_t ranks) : tokens_(std::move(tokens)) {
    index_.reserve(ranks);
    for (size_t id = 0; id < ranks; ++id)
      if (const std::string_view text = tokens_->text(TokenId(id)); !text.empty()) index_.insert(text, TokenId(id));
  }

  void encode(std::string_view piece, TokenIds& out) const override {
    if (const TokenId whole = index_.find(piece); whole >= 0) return out.push_back(whole);
    struct Symbol {
      uint32_t begin, end;
    };
    thread_local std::vector<Symbol> symbols;
    symbols.clear();
    for (uint32_t i = 0; i < piece.size(); ++i) symbols.push_back({i, i + 1});
    const auto token = [&](Symbol left, Symbol right) {
      return index_.find(piece.substr(left.begin, right.end - left.begin));
    };
    const auto rank = [&](Symbol left, Symbol right) {
      const TokenId id = token(left, right);
      return id < 0 ? kNoMerge : uint32_t(id);
    };
    merge_symbols(symbols, rank, [](Symbol left, Symbol right) { return Symbol{left.begin, right.end}; });
    for (const Symbol& symbol : symbols)
      if (const TokenId id = token(symbol, symbol); id >= 0) out.push_back(id);
  }

 private:
  std::shared_ptr<const TokenTable> tokens_;
  StringIndex index_;
};

std::vector<std::string> read_ranks(std::string_view text, const std::string& place) {
  std::vector<std::string> tokens;
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view content = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.ends_with('\r')) content.remove_suffix(1);
    if (content.empty()) continue;
    const size_t space = std::min(content.find(' '), content.size());
    const auto token = decode_base64(content.substr(0, space));
    const std::string_view number = content.substr(std::min(space + 1, content.size()));
    size_t rank = 0;
    const auto [stop, error] = std::from_chars(number.data(), number.data() + number.size(), rank);
    LIMPID_CHECK(token && !token->empty() && error == std::errc() && stop == number.data() + number.size(), FormatError,
                 place, ":", line, ": ", quote(content), " is no line of a tiktoken file, expected \"base64 rank\"");
    LIMPID_CHECK(rank < line + 100'000, FormatError, place, ":", line, ": rank ", rank,
                 " is far beyond the number of tokens");
    if (rank >= tokens.size()) tokens.resize(rank + 1);
    LIMPID_CHECK(tokens[rank].empty(), FormatError, place, ":", line, ": rank ", rank, " is given twice");
    tokens[rank] = *token;
  }
  LIMPID_CHECK(!tokens.empty(), FormatError, place, ": holds no tokens");
  return tokens;
}

/// Returns the encoding's special tokens, in its order, where the file leaves their ids free.
std::vector<AddedToken> special_tokens(const Encoding& encoding, const std::vector<std::string>& texts, size_t filled) {
  std::vector<AddedToken> added;
  for (const Special& special : encoding.specials) {
    AddedToken token;
    token.content = special.text;
    token.id = TokenId(int64_t(filled) + special.offset);
    token.special = true;
    if (token.id >= 0 && (size_t(token.id) >= texts.size() || texts[size_t(token.id)].empty())) added.push_back(token);
  }
  return added;
}

/// Adds what the files beside the ranks list or name.
void add_tokens_beside(const TokenizerConfig& config, const std::vector<std::string>& texts, const std::string& place,
                       std::vector<AddedToken>& added, PipelineParts& parts) {
  NamedTokens tokens(place);
  for (const AddedToken& token : added) tokens.insert(token.content, token.id, texts.size() + added.size());
  for (size_t id = 0; id < texts.size(); ++id)
    if (!texts[id].empty()) tokens.insert(texts[id], int64_t(id), texts.size());
  tokens.index();
  add_configured_tokens(config, tokens, added);
  const auto lay_over = [&](const std::string& name, std::optional<TokenId>& id) {
    if (!name.empty()) id = tokens.id_of(name);
  };
  lay_over(config.bos, parts.bos);
  lay_over(config.eos, parts.eos);
  lay_over(config.pad, parts.pad);
  parts.chat_template = config.chat_template;
}

}  // namespace

std::shared_ptr<const Tokenizer> read_tiktoken(const fs::path& file) {
  const std::string place = "[tokenizer] " + file.string();
  const std::vector<std::string> texts = read_ranks(read_file(file), place);
  const size_t ranks = texts.size();
  const size_t filled = size_t(std::count_if(texts.begin(), texts.end(), [](auto& text) { return !text.empty(); }));
  const Encoding& encoding = encoding_of(file, filled);
  std::vector<AddedToken> added = special_tokens(encoding, texts, filled);
  PipelineParts parts;
  const TokenizerConfig config = read_tokenizer_config(file.parent_path());
  const bool whole_names = encoding.split == kGpt2Split;
  read_pretokenizer(whole_names ? gpt2_pre_tokenizer() : split_then_bytes(encoding.split), parts.pretokenizer, place);
  const auto id_at = [&](size_t index) -> std::optional<TokenId> {
    if (index >= encoding.specials.size()) return std::nullopt;
    const auto token = std::find_if(added.begin(), added.end(),
                                    [&](const AddedToken& t) { return t.content == encoding.specials[index].text; });
    return token == added.end() ? std::nullopt : std::optional(token->id);
  };
  parts.bos = id_at(encoding.bos);
  parts.eos = id_at(encoding.eos);
  add_tokens_beside(config, texts, place, added, parts);
  if (parts.bos && config.add_bos.value_or(true)) parts.prefix = {*parts.bos};
  const auto tokens = token_table(texts, added);
  parts.model = std::make_unique<RankModel>(tokens, ranks);
  parts.tokens = tokens;
  set_added_tokens(std::move(added), config.split_special, parts);
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

}  // namespace limpid
