#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limpid/core/files.h"
#include "limpid/core/types.h"

/// Text to token ids and back. Immutable after opening and safe to use from many threads.
namespace limpid {

/// Where a part of a text begins: at the very start, or at a cut (Tokenizer::safe_cut).
struct PartStart {
  bool text_start = true;
  /// What the model has added up in front of a cut. Unigram's sums are rounded on the way, so that of two ways to write
  /// what follows the better one may depend on it.
  double score = 0;
};

/// An offset at which a text can be cut; 0, always safe, for none.
struct SafeCut {
  size_t offset = 0;
  PartStart behind = {};  ///< how the part behind it begins
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Returns the ids of `text`. Special tokens spelt out in it are recognised or not as the tokenizer's file says.
  /// @param add_special  puts the tokenizer's own special tokens around the text (BOS; [CLS] … [SEP]).
  virtual TokenIds encode(std::string_view text, bool add_special) const = 0;

  /// Returns the text of the ids. Invalid UTF-8 is shown as U+FFFD, one for each maximal valid beginning.
  virtual std::string decode(std::span<const TokenId> ids, bool skip_special) const = 0;

  virtual size_t vocab_size() const = 0;
  /// Returns the bytes a token stands for in the middle of a text (a word-start mark is a space); empty for special
  /// tokens.
  virtual std::string_view token_bytes(TokenId id) const = 0;
  /// Returns the bytes of a token for vocab_sha256 and display: token_bytes, or a special token's own spelling.
  virtual std::string_view token_text(TokenId id) const = 0;
  virtual bool is_special(TokenId id) const = 0;
  virtual std::optional<TokenId> find(std::string_view special_token) const = 0;  ///< id of a special token by spelling

  virtual std::optional<TokenId> bos() const = 0;
  virtual std::optional<TokenId> eos() const = 0;
  virtual std::optional<TokenId> pad() const = 0;
  virtual bool adds_bos() const = 0;              ///< encode(…, true) puts bos() in front
  virtual std::string chat_template() const = 0;  ///< jinja source, empty when there is none
  /// Returns whether the model puts a dummy space in front of text (Llama 2): it is not shown at the start of decoded
  /// text.
  virtual bool has_dummy_prefix() const { return false; }

  /// Encoding in parts, for texts that grow (byte_stream.h). encode_part is encode(text, false) for a text that starts
  /// where another one was cut, or at the very start. safe_cut is an offset b < text.size() such that, whatever text c
  /// follows, the ids of text + c are the first ids of text and then encode_part(text[b:] + c, behind); that holds for
  /// the empty c too, which says how many the first are. The largest b known to be safe.
  virtual TokenIds encode_part(std::string_view text, const PartStart& start) const { return encode(text, false); }
  virtual SafeCut safe_cut(std::string_view text, const PartStart& start) const { return {}; }
};

/// Opens a GGUF file, a tokenizer.json, a SentencePiece model, a tiktoken file, or a folder with one of these, with
/// vocab.json + merges.txt, or with vocab.txt.
/// @throws FormatError for malformed files; ConfigError for kinds that are not supported, naming the kind.
std::shared_ptr<const Tokenizer> open_tokenizer(const fs::path& path);

/// Returns whether a folder holds files of a tokenizer, other than inside a GGUF file.
bool has_tokenizer(const fs::path& folder);

/// Returns the SHA-256 over, for each id in order, the token's byte length (u32 little-endian) and its bytes
/// (token_text).
std::string vocab_sha256(const Tokenizer& tokenizer);

/// Decodes the text of a growing sequence, never half a UTF-8 character.
class StreamingDecoder {
 public:
  /// @param continues  the text stands behind another, so that a dummy space at its front is shown
  explicit StreamingDecoder(std::shared_ptr<const Tokenizer> tokenizer, bool continues = false)
      : tokenizer_(std::move(tokenizer)),
        started_(continues) {}
  std::string push(TokenId id);  ///< text to show now; bytes of an unfinished character are held back
  std::string finish();          ///< what is left: an unfinished character becomes U+FFFD

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string held_;
  bool started_;
};

}  // namespace limpid
