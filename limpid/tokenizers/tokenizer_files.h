#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "limpid/checkpoints/gguf.h"
#include "limpid/core/json.h"
#include "limpid/tokenizers/bpe.h"
#include "limpid/tokenizers/pipeline.h"
#include "limpid/tokenizers/tokenizer_config.h"

/// Readers of the files that describe a tokenizer; open_tokenizer picks one. They throw FormatError with
/// "[tokenizer] FILE: …" for malformed content and ConfigError for kinds that are not supported.
namespace limpid {

std::shared_ptr<const Tokenizer> read_tokenizer_json(const fs::path& file);
std::shared_ptr<const Tokenizer> read_vocab_and_merges(const fs::path& folder);  ///< vocab.json, merges.txt (GPT-2)
std::shared_ptr<const Tokenizer> read_vocab_txt(const fs::path& folder);         ///< vocab.txt (BERT)
std::shared_ptr<const Tokenizer> read_gguf_tokenizer(const GgufFile& file);
std::shared_ptr<const Tokenizer> read_sentencepiece_file(const fs::path& file);  ///< SentencePiece's ModelProto
std::shared_ptr<const Tokenizer> read_tiktoken(const fs::path& file);            ///< lines of "base64 rank"

/// Reads text in memory, for tests and fuzzing. `folder` may hold tokenizer_config.json; empty for none.
std::shared_ptr<const Tokenizer> parse_tokenizer_json(std::string_view text, const std::string& source,
                                                      const fs::path& folder);
std::shared_ptr<const Tokenizer> parse_sentencepiece_file(std::string_view bytes, const std::string& source,
                                                          const fs::path& folder);

/// Names in a vocabulary with an id for each; what the formats share. Ids without a name are empty strings.
class NamedTokens {
 public:
  explicit NamedTokens(std::string place) : place_(std::move(place)) {}
  /// @throws FormatError for an id that is negative, taken by another name, or far beyond the number of entries.
  void insert(const std::string& name, int64_t id, size_t entries);
  TokenId id_of(std::string_view name) const;                  ///< -1 when absent
  std::optional<TokenId> find(const std::string& name) const;  ///< nothing for an absent or an empty name
  TokenId require(std::string_view name,
                  const std::string& what) const;  ///< @throws FormatError "… is not in the vocabulary"
  const std::vector<std::string>& names() const { return names_; }
  size_t size() const { return names_.size(); }
  const StringIndex& ids() const { return index_; }
  void index();  ///< once all names are in, before id_of

 private:
  std::string place_;
  std::vector<std::string> names_;
  StringIndex index_;
};

/// Place of a merge, written out only for an error: there are a hundred thousand of them.
using Where = std::function<std::string()>;
/// Splits "left right" of one merge. @throws FormatError "WHERE: "th e x" has 3 fields, expected 2".
std::pair<std::string_view, std::string_view> split_merge(std::string_view text, const Where& place);
/// Returns the sides of a merge of a tokenizer.json, written like that or as two strings. @throws FormatError
std::pair<std::string_view, std::string_view> read_merge(const Json& merge, const Where& place);
/// Visits the merges of a merges.txt with the numbers of their lines.
void for_each_merge(std::string_view text, const std::function<void(std::string_view, size_t)>& visit);
/// Returns a merge by the names of its sides. @throws FormatError when a side or the whole is not in the vocabulary.
/// @param prefix  bytes in front of the right side that the whole does not have (##)
BpeModel::Rule merge_rule(const StringIndex& names, std::string_view left, std::string_view right, const Where& place,
                          size_t prefix = 0);

/// Returns the token bytes of a byte-level vocabulary: names are written in the byte alphabet, but for added tokens.
std::vector<std::string> byte_level_bytes(const NamedTokens& tokens, const std::vector<AddedToken>& added);
std::shared_ptr<const TokenTable> token_table(const std::vector<std::string>& texts,
                                              const std::vector<AddedToken>& added);

/// Sorts added tokens by whether they are looked for before or behind the normaliser, which must be set. Of those that
/// it makes alike the first is found.
/// @param split_special  special tokens are not looked for at all
void set_added_tokens(std::vector<AddedToken> added, bool split_special, PipelineParts& parts);

void add_gpt2_pretokenizer(PreTokenizer& pretokenizer, bool add_prefix_space = false);
/// Adds BERT's normaliser, and below its pre-tokenizer (Devlin et al. 2018, tokenization.py BasicTokenizer).
void add_bert_normalizer(Normalizer& normalizer, bool clean, bool space_ideographs, bool strip_accents,
                         bool lower_case);
void add_bert_pretokenizer(PreTokenizer& pretokenizer);
/// Sets WordPiece's decoder, which cleans up, over names like "word" and "##ing".
void set_wordpiece_decoder(const std::vector<std::string>& names, const std::vector<AddedToken>& added,
                           PipelineParts& parts);

}  // namespace limpid
