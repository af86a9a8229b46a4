#include "limpid/server/responses/listings.h"

#include <algorithm>
#include <cmath>

#include "limpid/server/requests/detox_fields.h"
#include "limpid/server/requests/generation_fields.h"
#include "limpid/server/responses/token_json.h"

namespace limpid::server {

namespace {

OrderedJson list_json(std::vector<OrderedJson> entries) {
  OrderedJson out;
  out["object"] = "list";
  out["data"] = std::move(entries);
  return out;
}

OrderedJson model_json(const std::string& name, const ServerFacts& facts) {
  OrderedJson out;
  out["id"] = name;
  out["object"] = "model";
  out["created"] = facts.created;
  out["owned_by"] = "limpid";
  out["max_model_len"] = facts.context;
  OrderedJson& meta = out["meta"];
  meta["n_vocab"] = facts.vocabulary;
  meta["n_ctx_train"] = facts.trained_context;
  meta["n_embd"] = facts.width;
  meta["n_params"] = facts.parameters;
  meta["size"] = facts.file_bytes;
  return out;
}

/// Returns an end of a range: an integer where it is one, null where there is none.
OrderedJson end_json(double end) {
  if (!std::isfinite(end)) return nullptr;
  if (end == std::floor(end) && std::abs(end) < 1e15) return int64_t(end);
  return end;
}

OrderedJson text_or_null(const std::string& text) { return text.empty() ? OrderedJson(nullptr) : OrderedJson(text); }

OrderedJson detoxifier_json(const DetoxifierFacts& detoxifier, const ServerFacts& facts) {
  OrderedJson out;
  out["id"] = detoxifier.name;
  out["object"] = "detoxifier";
  out["method"] = detoxifier.method;
  out["default"] = &detoxifier == &facts.detoxifiers.front();
  out["strength"] = float_json(detoxifier.start);
  out["range"] = OrderedJson::array({end_json(detoxifier.range.least), end_json(detoxifier.range.most)});
  out["meaning"] = detoxifier.meaning;
  out["file"] = text_or_null(detoxifier.file);
  out["sha256"] = text_or_null(detoxifier.sha256);
  return out;
}

}  // namespace

std::string models_body(const ServerFacts& facts) {
  std::vector<OrderedJson> entries;
  for (const std::string& name : facts.names) entries.push_back(model_json(name, facts));
  return body_text(list_json(std::move(entries)));
}

std::string model_body(const std::string& id, const ServerFacts& facts) {
  if (std::find(facts.names.begin(), facts.names.end(), id) == facts.names.end())
    throw model_not_found(id, facts, std::nullopt);
  return body_text(model_json(id, facts));
}

std::string detoxifiers_body(const ServerFacts& facts) {
  std::vector<OrderedJson> entries;
  for (const DetoxifierFacts& detoxifier : facts.detoxifiers) entries.push_back(detoxifier_json(detoxifier, facts));
  return body_text(list_json(std::move(entries)));
}

std::string detoxifier_body(const std::string& name, const ServerFacts& facts) {
  for (const DetoxifierFacts& detoxifier : facts.detoxifiers)
    if (detoxifier.name == name) return body_text(detoxifier_json(detoxifier, facts));
  throw detoxifier_not_found(name, facts, std::nullopt);
}

}  // namespace limpid::server
