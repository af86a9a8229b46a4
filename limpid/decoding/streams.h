#pragma once

#include <functional>
#include <vector>

#include "limpid/models/model.h"

namespace limpid {

/// Other texts that the target reads beside the rows of a step, in the same pass: its weights come from memory once for
/// all of them. What it computes of a row has the same bits with and without them.
struct Streams {
  std::vector<TokenIds> texts;  ///< what the sequences' tokens lie in
  std::vector<nn::Sequence> sequences;
  ActivationHook* change = nullptr;  ///< of what the target computes for them, and for nothing else; may be null
  std::function<void(const Tensor& states)>
      done;  ///< gets the states after the final norm at their last tokens, [sequences, D], while this lives
};

}  // namespace limpid
