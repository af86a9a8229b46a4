#pragma once

#include "limpid/decoding/companion.h"
#include "limpid/decoding/session.h"

/// What another model of the same vocabulary says of the rows' texts.
namespace limpid {

/// A model that reads, with a change beside its weights where there is one: another model, or the target with an
/// adapter.
struct Reader {
  std::shared_ptr<const Model> model;
  std::shared_ptr<ActivationHook> change;

  Reader() = default;
  template <class Any>
  Reader(std::shared_ptr<Any> model, std::shared_ptr<ActivationHook> change = nullptr)
      : model(std::move(model)),
        change(std::move(change)) {}
  explicit operator bool() const { return model != nullptr; }
};

/// A model that reads along, with a cache of its own for each row, and gives its logits beside the target's.
class CompanionLogits {
 public:
  explicit CompanionLogits(Reader reader)
      : companion_(std::move(reader.model), /*keep_heads=*/false, std::move(reader.change)) {}

  void admit(RowId row) { companion_.admit(row); }
  void fork(RowId from, RowId to) { companion_.fork(from, to); }
  void release(RowId row) { companion_.release(row); }
  /// Logits behind the whole text of each row, [rows, V] float32. A row that was left out of earlier calls catches up;
  /// one that dropped tokens goes back.
  /// @param wanted  the tokens that are looked at, ascending, of each row; the rest is unspecified then. Empty: all.
  Tensor of(std::span<const Row* const> rows, std::span<const TokenIds> wanted = {});
  /// Session::streams, where the model that reads is the target itself.
  void streams(const Model& target, std::span<const Row* const> rows, std::vector<Streams>& all);

  const Model& model() const { return companion_.model(); }

 private:
  Companion companion_;
};

/// The tokens that a mask left: those whose logit is above minus infinity, ascending.
TokenIds kept_tokens(std::span<const float> z);

/// @throws MismatchError when the other model does not cut text into the same tokens under the same ids; `role` says
/// what it is,
///         `where` begins the message.
void check_same_vocabulary(const Model& target, const Model& other, const std::string& role, const std::string& where);

}  // namespace limpid
