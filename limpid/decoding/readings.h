#pragma once

#include <any>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "limpid/decoding/gate_rule.h"
#include "limpid/decoding/row.h"
#include "limpid/models/model.h"
#include "limpid/tokenizers/byte_stream.h"

/// Texts that are read along with the rows of a Generator, by a helper or by the target itself. A session says once
/// what it wants read (Reading); caches, forks, going back and catching up are the Generator's matter.
namespace limpid {

using torch::Tensor;

class Session;

/// Texts that a session wants read along with each of its rows. Each text has a cache of its own (Note [One cache per
/// model] in nn/kv_cache.h) and is the whole text at every step; sessions that want the same share it.
struct Reading {
  std::shared_ptr<const Model> model;                    ///< the target, or a helper
  std::shared_ptr<ActivationHook> change = nullptr;      ///< acts on these texts as if it were part of the model
  std::vector<TokenIds> prefixes = {TokenIds{}};         ///< one text for each: the prefix and behind it the row's text
  std::shared_ptr<const Tokenizer> tokenizer = nullptr;  ///< null: the row's ids; else its bytes in ids of this one
  bool heads = false;                                    ///< head outputs at the last token are kept
  std::function<bool(const Row&)> wanted = nullptr;      ///< whether a step of the row asks; null: each does

  explicit operator bool() const { return model != nullptr; }
};

/// A text that a model has read. A copy is a fork: it reads on by itself, and both share cache pages until one writes.
struct TextState {
  nn::KvCache cache;
  TokenIds ids;                            ///< ids that the cache holds
  Tensor state;                            ///< [D1] after the final norm at the last of them; undefined before
  Tensor heads;                            ///< [L, H * K] head outputs there, where they are kept
  std::optional<ByteAlignedStream> bytes;  ///< of a text in another tokenizer's ids,
  TokenIds taken;                          ///< and the row's ids that it has taken in
};

/// A row and all that belongs to it. A copy is a fork of the row.
struct ActiveRow {
  Row row;
  nn::KvCache cache;                            ///< the target's
  std::vector<std::optional<TextState>> texts;  ///< texts read along, in the order of the Readings' streams
  std::vector<std::any> memories;               ///< those of each session, of the row
  std::vector<GateTrack> gates;                 ///< when those of the sessions stood open, each gate once
  std::vector<float> strengths;                 ///< of each session in this step; 0: it does not see the row
  std::optional<std::string> error;             ///< why the row ends
  bool not_finite = false;                      ///< because no token could be drawn from its logits
  Tensor plain_logits;                          ///< [V] of the plain model in its last step (plain_reader.h)
  size_t kept_tokens = 0;                       ///< of its prompt, that had been read for another request

  /// Returns the row's ids that the target's cache does not hold yet.
  std::span<const TokenId> unread() const;
};

/// One text for every row, however many readings ask for it.
struct ReadingStream {
  struct Use {
    size_t session;
    const Reading* reading;
  };
  std::shared_ptr<const Model> model;
  std::shared_ptr<ActivationHook> change;
  std::shared_ptr<const Tokenizer> tokenizer;
  bool heads = false;
  TextState prefix;  ///< state that the text of every row starts from
  std::vector<Use> uses;

  /// Says whether a session of the row asks for the text in its next step.
  bool is_wanted(const ActiveRow& row) const;
};

/// A text whose ids from `begin` on are not in its cache yet.
struct UnreadText {
  const ReadingStream* stream;
  TextState* text;
  size_t begin;
  std::span<const TokenId> tokens() const { return std::span(text->ids).subspan(begin); }
};

/// Texts that go through one model together, alone or behind the rows of a step. Changes of streams act on their own
/// texts only, and what the model computes of a text has the same bits whatever goes with it.
class ReadingPass final : public ActivationHook {
 public:
  ReadingPass() = default;
  explicit ReadingPass(std::vector<UnreadText> texts);

  /// Appends the texts to the sequences of a pass.
  void append_to(std::vector<nn::Sequence>& sequences);
  /// Keeps the states after the final norm at the last token of each text, [texts, D1].
  void finish(const Tensor& states);

  bool listens(Site site, int64_t layer) const override;
  void activations(Site site, int64_t layer, const nn::Pass& pass, Tensor& x) override;
  bool listens(Projection projection, int64_t layer) const override;
  void projected(Projection projection, int64_t layer, const nn::Pass& pass, const Tensor& x, Tensor& y) override;

 private:
  /// Neighbouring texts of one stream.
  struct Group {
    const ReadingStream* stream;
    std::span<const UnreadText> texts;
    nn::Pass pass;            // the texts alone, as their change sees them
    int64_t begin = 0;        // first of their tokens in the whole pass
    Tensor last_tokens = {};  // [texts], in the whole pass
    Tensor heads = {};        // [texts, L, H * K]
  };
  void keep_heads(Group& group, int64_t layer, const Tensor& x);

  std::vector<UnreadText> texts_;
  std::vector<Group> groups_;
};

/// The texts of one reading, of the rows of a step. With P prefixes the texts of a row stand side by side. States and
/// logits are there in `final_state` and `logits`; head outputs of a layer from its HeadOutputs door on.
class ReadTexts {
 public:
  ReadTexts(const Reading& reading, std::span<const size_t> streams, std::span<const TextState* const> prefixes,
            std::span<ActiveRow* const> rows)
      : reading_(&reading),
        streams_(streams),
        prefixes_(prefixes),
        rows_(rows) {}

  /// Says whether row r's texts were read: not when the step does not want them, nor while they have no ids.
  bool has(size_t r) const;
  /// Returns the states after the final norm at the last ids, [rows * P, D1]; zeros where there are none.
  Tensor states() const;
  /// Returns the logits at the last ids, [rows * P, V] float32, contiguous.
  /// @param wanted  the tokens that are looked at, ascending, of each text; the rest is unspecified then. Empty: all.
  Tensor logits(std::span<const TokenIds> wanted = {}) const;
  /// Returns the input of each layer's attention output projection at the last id of a text, [L, H * K].
  const Tensor& heads(size_t r, size_t prefix = 0) const { return text(r, prefix)->heads; }
  /// Returns the heads at the end of a prefix that is not empty, [L, H * K].
  const Tensor& prefix_heads(size_t prefix) const { return prefixes_[prefix]->heads; }
  /// Returns the cache of a text. A copy reads on by itself, and the text stays as it is.
  const nn::KvCache& cache(size_t r, size_t prefix = 0) const { return text(r, prefix)->cache; }

 private:
  const TextState* text(size_t r, size_t prefix) const;

  const Reading* reading_;
  std::span<const size_t> streams_;
  std::span<const TextState* const> prefixes_;
  std::span<ActiveRow* const> rows_;
};

/// The readings of all sessions of a Generator, and the streams of texts that serve them.
class Readings {
 public:
  /// Asks the sessions, and reads the prefixes.
  Readings(std::shared_ptr<const Model> target, std::span<const std::unique_ptr<Session>> sessions);
  Readings(const Readings&) = delete;  // streams know the readings that use them

  /// Reads what the next step of the rows asks for and is not read yet: all rows' texts of a model together, in passes
  /// of a few thousand tokens. Where a text disagrees with its cache, the cache goes back to the last common token. A
  /// row one of whose texts does not fit the context of its model gets an error.
  /// @param beside  whether texts of the target may be left to its pass of the rows, which takes its weights from
  /// memory once for all of them
  /// @return        those texts; none when they are too many
  ReadingPass read_ahead(std::span<ActiveRow* const> rows, bool beside);
  ReadTexts texts(size_t session, size_t reading, std::span<ActiveRow* const> rows) const;
  uint64_t tokens_read() const { return tokens_read_; }  ///< over all texts so far, prefixes too
  const std::vector<std::shared_ptr<const Model>>& models() const { return models_; }  ///< that read along, each once
  /// Returns bytes of the pages that its texts take when a row grows by so many tokens. Tokens of another vocabulary
  /// are taken for as many.
  size_t bytes_to_append(const ActiveRow& row, size_t tokens) const;
  size_t bytes_per_token() const;  ///< of the texts of a row whose sessions all act

 private:
  struct Asked {
    Reading reading;
    std::vector<size_t> streams;             // one for each prefix
    std::vector<const TextState*> prefixes;  // their prefixes' states
  };
  size_t stream_of(const Reading& reading, const TokenIds& prefix);
  std::vector<UnreadText> find_unread(const Model& model, std::span<ActiveRow* const> rows);
  TokenIds ids_of(const ReadingStream& stream, TextState& text, const TokenIds& history) const;
  void read(std::span<const UnreadText> texts);

  std::shared_ptr<const Model> target_;
  std::vector<std::vector<Asked>> asked_;  // of each session
  std::vector<ReadingStream> streams_;
  std::vector<std::shared_ptr<const Model>> models_;  // of the streams, each once
  uint64_t tokens_read_ = 0;
};

}  // namespace limpid
