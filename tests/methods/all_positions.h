#pragma once

#include <torch/types.h>

#include "limpid/decoding/doors.h"

namespace limpid::testing_support {

/// Logits behind every beginning of a text, each read as a prompt, [ids, V]. @param session  null for the plain model
inline torch::Tensor all_logits(const Model& model, const TokenIds& ids, std::unique_ptr<Session> session = nullptr,
                                float strength = 1.0f) {
  torch::NoGradGuard no_grad;
  std::vector<std::unique_ptr<Session>> sessions;
  if (session) sessions.push_back(std::move(session));
  Doors doors(model.shared_from_this(), std::move(sessions));
  std::vector<ActiveRow> rows;
  std::vector<ActiveRow*> pointers;
  for (size_t length = 1; length <= ids.size(); ++length)
    rows.push_back(
        doors.open_row({.prompt_ids = {ids.begin(), ids.begin() + std::ptrdiff_t(length)}, .strengths = {strength}}));
  for (ActiveRow& row : rows) pointers.push_back(&row);
  return doors.step(pointers).logits;
}

}  // namespace limpid::testing_support
