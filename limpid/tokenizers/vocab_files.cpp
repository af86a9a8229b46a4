#include <algorithm>

#include "limpid/checkpoints/quote.h"
#include "limpid/tokenizers/tokenizer_files.h"
#include "limpid/tokenizers/wordpiece.h"

namespace limpid {

namespace {

// Visits lines without their ends; an empty line at the end of the file is none.
template <class Visit>
void for_each_line(std::string_view text, const Visit& visit) {
  for (size_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view content = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.ends_with('\r')) content.remove_suffix(1);
    visit(content, line);
  }
}

std::string name_or(const std::string& name, const char* fallback) { return name.empty() ? fallback : name; }

}  // namespace

void for_each_merge(std::string_view text, const std::function<void(std::string_view, size_t)>& visit) {
  for_each_line(text, [&](std::string_view line, size_t number) {
    if (!line.empty() && !(number == 1 && line.starts_with("#version"))) visit(line, number);
  });
}

std::shared_ptr<const Tokenizer> read_vocab_and_merges(const fs::path& folder) {
  const std::string place = "[tokenizer] " + (folder / "vocab.json").string();
  const Json vocab = parse_json(read_file(folder / "vocab.json"), place);
  LIMPID_CHECK(vocab.is_object(), FormatError, place, ": is ", json_kind(vocab), ", expected an object of token: id");
  NamedTokens tokens(place);
  for (const auto& [name, id] : vocab.items()) {
    LIMPID_CHECK(id.is_number_integer(), FormatError, place, ": token ", quote(name), " has ", json_kind(id),
                 " for an id, expected an integer");
    tokens.insert(name, id.get<int64_t>(), vocab.size());
  }
  tokens.index();

  std::vector<BpeModel::Rule> rules;
  const std::string merges = read_file(folder / "merges.txt");
  for_each_merge(merges, [&](std::string_view content, size_t number) {
    const auto line_place = [&] { return concat("[tokenizer] ", (folder / "merges.txt").string(), ":", number); };
    const auto [left, right] = split_merge(content, line_place);
    rules.push_back(merge_rule(tokens.ids(), left, right, line_place));
  });

  PipelineParts parts;
  const TokenizerConfig config = read_tokenizer_config(folder);
  add_gpt2_pretokenizer(parts.pretokenizer, config.add_prefix_space.value_or(false));
  std::vector<AddedToken> added;
  for (const std::string& name : {config.bos, config.eos, config.pad, config.unk, config.cls, config.sep, config.mask,
                                  std::string("<|endoftext|>")}) {
    const auto id = tokens.find(name);
    if (!id || std::any_of(added.begin(), added.end(), [&](auto& token) { return token.id == *id; })) continue;
    AddedToken token;
    token.content = name;
    token.id = *id;
    token.special = true;
    token.lstrip = name == config.mask;  // RoBERTa's <mask> takes the space before it
    added.push_back(std::move(token));
  }
  add_configured_tokens(config, tokens, added);
  parts.bos = tokens.find(name_or(config.bos, "<|endoftext|>"));
  parts.eos = tokens.find(name_or(config.eos, "<|endoftext|>"));
  parts.pad = tokens.find(config.pad);
  parts.chat_template = config.chat_template;
  const auto cls = tokens.find(config.cls), sep = tokens.find(config.sep);
  if (cls && sep) {  // RoBERTa
    parts.prefix = {*cls};
    parts.suffix = {*sep};
  } else if (config.add_bos.value_or(false) && parts.bos) {  // OPT
    parts.prefix = {*parts.bos};
  }
  const std::vector<std::string> bytes = byte_level_bytes(tokens, added);
  BpeModel::Options options;
  options.bytes = true;
  parts.model = std::make_unique<BpeModel>(bytes, rules, options);
  parts.tokens = token_table(bytes, added);
  set_added_tokens(std::move(added), config.split_special, parts);
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

std::shared_ptr<const Tokenizer> read_vocab_txt(const fs::path& folder) {
  const std::string place = "[tokenizer] " + (folder / "vocab.txt").string(), file = read_file(folder / "vocab.txt");
  NamedTokens tokens(place);
  const size_t lines = size_t(std::count(file.begin(), file.end(), '\n')) + 1;
  for_each_line(file, [&](std::string_view name, size_t number) {
    LIMPID_CHECK(!name.empty(), FormatError, place, ":", number, ": the line is empty, expected a token");
    tokens.insert(std::string(name), int64_t(number) - 1, lines);
  });
  LIMPID_CHECK(tokens.size() > 0, FormatError, place, ": holds no tokens");
  tokens.index();

  const TokenizerConfig config = read_tokenizer_config(folder);
  PipelineParts parts;
  const bool lower = config.lower_case.value_or(true);
  add_bert_normalizer(parts.normalizer, true, config.space_ideographs.value_or(true),
                      config.strip_accents.value_or(lower), lower);
  add_bert_pretokenizer(parts.pretokenizer);
  std::vector<AddedToken> added;
  const auto special = [&](const std::string& name) {
    AddedToken token;
    token.content = name;
    token.id = tokens.require(name, "special token");
    token.special = true;
    added.push_back(token);
    return token.id;
  };
  WordPieceModel::Options options;
  options.unknown = special(name_or(config.unk, "[UNK]"));
  parts.prefix = {special(name_or(config.cls, "[CLS]"))};
  parts.suffix = {special(name_or(config.sep, "[SEP]"))};
  if (tokens.id_of(name_or(config.pad, "[PAD]")) >= 0) parts.pad = special(name_or(config.pad, "[PAD]"));
  if (tokens.id_of(name_or(config.mask, "[MASK]")) >= 0) special(name_or(config.mask, "[MASK]"));
  add_configured_tokens(config, tokens, added);
  parts.model = std::make_unique<WordPieceModel>(tokens.names(), options);
  set_wordpiece_decoder(tokens.names(), added, parts);
  set_added_tokens(std::move(added), config.split_special, parts);
  return std::make_shared<PipelineTokenizer>(std::move(parts));
}

}  // namespace limpid
