#include "limpid/server/requests/moderation.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "limpid/server/requests/fields.h"
#include "limpid/server/responses/token_json.h"

namespace limpid::server {

namespace {

constexpr size_t kMaxTexts = 256, kMaxTextBytes = 1 << 20;
constexpr const char* kTextForms = "a string, a list of strings, or a list of {\"type\": \"text\", \"text\": …}";

/// Names of services that clients send without being told to.
constexpr std::string_view kKnownModels[] = {"omni-moderation-", "text-moderation-"};

struct Category {
  const char* name;
  bool is_measured;
};
constexpr Category kCategories[] = {{"toxicity", true},
                                    {"harassment", true},
                                    {"harassment/threatening", false},
                                    {"hate", false},
                                    {"hate/threatening", false},
                                    {"illicit", false},
                                    {"illicit/violent", false},
                                    {"self-harm", false},
                                    {"self-harm/intent", false},
                                    {"self-harm/instructions", false},
                                    {"sexual", false},
                                    {"sexual/minors", false},
                                    {"violence", false},
                                    {"violence/graphic", false}};

const std::string& read_text_part(const Json& value, const std::string& place, std::vector<std::string>& unknown) {
  Fields part(value, place);
  const std::string& type = read_text(part.require("type", "\"text\""), part.path_of("type"));
  if (type != "text") throw invalid_value(part.path_of("type"), shown_name(type), "\"text\"");
  const std::string& text = read_text(part.require("text", "a string"), part.path_of("text"));
  part.append_unknown(unknown);
  return text;
}

void read_list(const Json& list, ModerationRequest& request) {
  if (list.empty() || list.size() > kMaxTexts)
    throw invalid_value("input", concat("a list of ", list.size()), concat("1 to ", kMaxTexts, " texts"));
  const bool has_parts = list.front().is_object();
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string place = concat("input[", i, "]");
    if (!has_parts)
      request.texts.push_back(read_text(list[i], place));
    else if (i == 0)
      request.texts = {read_text_part(list[i], place, request.ignored)};
    else
      request.texts.front() += "\n" + read_text_part(list[i], place, request.ignored);
  }
}

void check_moderation_model(Fields& body, const TextScorer& scorer) {
  const std::string* model = body.text("model");
  if (!model || *model == scorer.name()) return;
  for (const std::string_view known : kKnownModels)
    if (model->starts_with(known)) return;
  throw ApiError(404, "model_not_found",
                 concat("\"model\" is ", shown_name(*model), ", expected ", scorer.name(), " or none"), "model");
}

OrderedJson result_json(double score, double threshold) {
  OrderedJson flags, scores, types;
  for (const auto& [name, is_measured] : kCategories) {
    flags[name] = is_measured && score > threshold;
    scores[name] = is_measured ? OrderedJson(score) : OrderedJson(0);
    types[name] = is_measured ? OrderedJson::array({"text"}) : OrderedJson::array();
  }
  return {{"flagged", score > threshold},
          {"categories", std::move(flags)},
          {"category_scores", std::move(scores)},
          {"category_applied_input_types", std::move(types)}};
}

}  // namespace

ModerationRequest read_moderation_request(const Json& request, const TextScorer& scorer) {
  Fields body(request);
  ModerationRequest checked;
  check_moderation_model(body, scorer);
  const Json& input = body.require("input", kTextForms);
  if (input.is_string())
    checked.texts = {input.get<std::string>()};
  else if (input.is_array())
    read_list(input, checked);
  else
    throw invalid_type("input", input, kTextForms);
  size_t bytes = 0;
  for (const std::string& text : checked.texts) bytes += text.size();
  if (bytes > kMaxTextBytes)
    throw invalid_value("input", concat(bytes, " bytes of text"), concat("at most ", kMaxTextBytes, " in all"));
  body.pass_over({"user", "metadata", "safety_identifier"});
  body.append_unknown(checked.ignored);
  return checked;
}

std::string moderation_body(const std::string& id, const ModerationRequest& request, const std::vector<double>& scores,
                            const TextScorer& scorer) {
  check_scores(scores);
  OrderedJson results = OrderedJson::array();
  for (double score : scores) results.push_back(result_json(score, scorer.threshold()));
  OrderedJson extras = {{"threshold", scorer.threshold()}};
  if (!request.ignored.empty()) extras["ignored"] = request.ignored;
  return body_text(
      {{"id", id}, {"model", scorer.name()}, {"results", std::move(results)}, {"limpid", std::move(extras)}});
}

void check_scores(const std::vector<double>& scores) {
  if (std::all_of(scores.begin(), scores.end(), [](double score) { return std::isfinite(score); })) return;
  ApiError error(500, "numeric_failure", "a text could not be scored: its numbers left float32");
  error.should_retry = false;
  throw error;
}

}  // namespace limpid::server
