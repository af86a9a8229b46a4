#pragma once

#include <torch/types.h>

#include "limpid/decoding/doors.h"

/// Logits at every position of a text, which is read as a prompt.
namespace limpid::testing_support {

/// @param session  null for the plain model
inline torch::Tensor all_logits(const Model& model, const TokenIds& ids, std::unique_ptr<Session> session = nullptr,
                                float strength = 1.0f) {
  torch::NoGradGuard no_grad;
  std::vector<std::unique_ptr<Session>> sessions;
  Row row;
  row.id = 1;
  row.request.prompt_ids = ids;
  if (session) {
    row.request.strengths = {strength};
    sessions.push_back(std::move(session));
    sessions[0]->admit(row);
  }
  const Row* const rows[] = {&row};
  Doors doors(sessions, rows);
  nn::KvCache cache = model.make_cache();
  const nn::Sequence sequence{&cache, ids};
  nn::Pass pass(std::span(&sequence, 1));
  return model.output_matrix(model.final_state(pass, Outputs::All, &doors));
}

}  // namespace limpid::testing_support
