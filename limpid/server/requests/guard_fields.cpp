#include "limpid/server/requests/guard_fields.h"

namespace limpid::server {

namespace {

GuardChoice read_settings(const Json& value, const GuardFacts& facts, std::vector<std::string>& unknown) {
  GuardChoice guard{true, facts.threshold, facts.rewinds};
  if (value.is_boolean()) return guard;
  if (!value.is_object()) throw invalid_type("guard", value, "true, false or {\"threshold\": …, \"rewinds\": …}");
  Fields settings(value, "guard");
  guard.threshold = settings.number("threshold", {0, 1}).value_or(guard.threshold);
  guard.rewinds = settings.integer("rewinds", {0, 8}).value_or(guard.rewinds);
  settings.append_unknown(unknown);
  if (facts.always && guard.threshold > facts.threshold)
    throw ApiError(400, "guard_required",
                   concat("\"guard.threshold\" is ", guard.threshold, ", expected at most ", facts.threshold,
                          ", the threshold of this server"),
                   "guard.threshold");
  return guard;
}

}  // namespace

GuardChoice read_guard(Fields& body, const GuardFacts& facts, std::vector<std::string>& unknown) {
  const Json* member = body.find("guard");
  if (!member && !facts.always) return {false, facts.threshold, facts.rewinds};
  if (!member) return {true, facts.threshold, facts.rewinds};
  if (*member == false && facts.always)
    throw ApiError(400, "guard_required", "\"guard\" is false, expected true: this server guards every answer",
                   "guard");
  if (*member == false) return {false, facts.threshold, facts.rewinds};
  GuardChoice guard = read_settings(*member, facts, unknown);
  if (!facts.available)
    throw ApiError(404, "not_loaded", "\"guard\" needs a scorer, which this server started without", "guard");
  return guard;
}

}  // namespace limpid::server
