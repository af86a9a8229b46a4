#include "limpid/server/requests/comments.h"

#include <algorithm>
#include <set>

#include "limpid/checkpoints/quote.h"
#include "limpid/server/requests/fields.h"
#include "limpid/server/requests/moderation.h"
#include "limpid/server/responses/token_json.h"

namespace limpid::server {

namespace {

constexpr size_t kMaxCommentBytes = 20'480;
constexpr const char* kMeasured = "TOXICITY";
constexpr const char* kEmpty = "COMMENT_EMPTY";
constexpr const char* kTooLong = "COMMENT_TOO_LONG";
constexpr const char* kOtherLanguage = "LANGUAGE_NOT_SUPPORTED_BY_ATTRIBUTE";

/// What else the service has, or had; clients ask for several at once.
const std::set<std::string, std::less<>> kUnmeasured = {"SEVERE_TOXICITY",
                                                        "IDENTITY_ATTACK",
                                                        "INSULT",
                                                        "PROFANITY",
                                                        "THREAT",
                                                        "TOXICITY_EXPERIMENTAL",
                                                        "SEVERE_TOXICITY_EXPERIMENTAL",
                                                        "IDENTITY_ATTACK_EXPERIMENTAL",
                                                        "INSULT_EXPERIMENTAL",
                                                        "PROFANITY_EXPERIMENTAL",
                                                        "THREAT_EXPERIMENTAL",
                                                        "TOXICITY_FAST",
                                                        "SEXUALLY_EXPLICIT",
                                                        "FLIRTATION",
                                                        "ATTACK_ON_AUTHOR",
                                                        "ATTACK_ON_COMMENTER",
                                                        "INCOHERENT",
                                                        "INFLAMMATORY",
                                                        "LIKELY_TO_REJECT",
                                                        "OBSCENE",
                                                        "SPAM",
                                                        "UNSUBSTANTIAL",
                                                        "AFFINITY_EXPERIMENTAL",
                                                        "COMPASSION_EXPERIMENTAL",
                                                        "CURIOSITY_EXPERIMENTAL",
                                                        "NUANCE_EXPERIMENTAL",
                                                        "PERSONAL_STORY_EXPERIMENTAL",
                                                        "REASONING_EXPERIMENTAL",
                                                        "RESPECT_EXPERIMENTAL",
                                                        "ALIENATION_EXPERIMENTAL",
                                                        "FEARMONGERING_EXPERIMENTAL",
                                                        "GENERALIZATION_EXPERIMENTAL",
                                                        "MORAL_OUTRAGE_EXPERIMENTAL",
                                                        "POWER_APPEAL_EXPERIMENTAL",
                                                        "SCAPEGOATING_EXPERIMENTAL"};

/// @throws ApiError for a member that has a value other than the only one
void check_only(Fields& fields, const char* name, const std::string& only) {
  const std::string* value = fields.text(name);
  if (value && *value != only) throw invalid_value(fields.path_of(name), shown_name(*value), concat("\"", only, "\""));
}

std::string read_comment(Fields& body, std::vector<std::string>& unknown) {
  const ApiError empty(400, kEmpty, "\"comment.text\" is empty or missing, expected 1 to 20480 bytes", "comment.text");
  const Json* value = body.find("comment");
  if (!value) throw empty;
  Fields comment(*value, "comment");
  check_only(comment, "type", "PLAIN_TEXT");
  const std::string* text = comment.text("text");
  if (!text || text->empty()) throw empty;
  if (text->size() > kMaxCommentBytes)
    throw ApiError(400, kTooLong,
                   concat("\"comment.text\" is of ", text->size(), " bytes, expected 1 to ", kMaxCommentBytes),
                   "comment.text");
  comment.append_unknown(unknown);
  return *text;
}

/// Reads the attributes that are asked for: one is measured.
void read_attributes(Fields& body, CommentRequest& request) {
  const char* const expected = "an object with the attribute TOXICITY";
  const Json& attributes = body.require("requestedAttributes", expected);
  if (!attributes.is_object()) throw invalid_type("requestedAttributes", attributes, expected);
  bool is_measured = false;
  for (const auto& [name, value] : attributes.items()) {
    if (value.is_null()) continue;
    const bool is_other = kUnmeasured.contains(name);
    if (name != kMeasured && !is_other)
      throw invalid_value("requestedAttributes", shown_name(name), "names of attributes, such as TOXICITY");
    Fields options(value, concat("requestedAttributes.", name));
    check_only(options, "scoreType", "PROBABILITY");
    const double threshold = options.number("scoreThreshold", {0, 1}).value_or(0.0);
    options.append_unknown(request.ignored);
    if (is_other) {
      request.unmeasured.push_back(name);
    } else {
      is_measured = true;
      request.threshold = threshold;
    }
  }
  if (!is_measured)
    throw invalid_value(
        "requestedAttributes",
        request.unmeasured.empty() ? "without an attribute" : "of attributes that are not measured here",
        "TOXICITY among them");
}

bool is_english(const std::string& tag) {
  return tag.size() >= 2 && (tag[0] | 0x20) == 'e' && (tag[1] | 0x20) == 'n' && (tag.size() == 2 || tag[2] == '-');
}

void read_languages(Fields& body, CommentRequest& request) {
  const Json* languages = body.list("languages");
  if (languages)
    for (const Json& value : *languages) {
      const std::string path = concat("languages[", request.languages.size(), "]");
      const std::string& tag = read_text(value, path);
      if (!is_english(tag))
        throw ApiError(400, kOtherLanguage,
                       concat("attribute TOXICITY does not support language ", shown_name(tag), ", expected \"en\""),
                       path);
      request.languages.push_back(tag);
    }
  if (request.languages.empty()) request.languages = {"en"};
}

OrderedJson score_json(double score) { return {{"value", score}, {"type", "PROBABILITY"}}; }

const char* status_name(int status) {
  switch (status) {
    case 401: return "UNAUTHENTICATED";
    case 403: return "PERMISSION_DENIED";
    case 404: return "NOT_FOUND";
    case 408: return "DEADLINE_EXCEEDED";
    case 429: return "RESOURCE_EXHAUSTED";
    case 503: return "UNAVAILABLE";
    default: return status < 500 ? "INVALID_ARGUMENT" : "INTERNAL";
  }
}

}  // namespace

std::vector<std::string> CommentRequest::texts() const {
  std::vector<std::string> texts = {text};
  if (has_sentences)
    for (const TextSpan& span : spans) texts.push_back(text.substr(span.begin_byte, span.end_byte - span.begin_byte));
  return texts;
}

CommentRequest read_comment_request(const Json& request) {
  Fields body(request);
  CommentRequest checked;
  checked.text = read_comment(body, checked.ignored);
  read_attributes(body, checked);
  read_languages(body, checked);
  if (const std::string* token = body.text("clientToken")) checked.client_token = *token;
  if (body.flag("spanAnnotations").value_or(false)) checked.spans = sentences_of(checked.text);
  checked.has_sentences = !checked.spans.empty();
  if (!checked.has_sentences) checked.spans = {whole_span(checked.text)};
  body.pass_over({"doNotStore", "sessionId", "communityId", "context"});
  body.append_unknown(checked.ignored);
  return checked;
}

std::string comment_body(const CommentRequest& request, const std::vector<double>& scores) {
  check_scores(scores);
  OrderedJson attributes = OrderedJson::object();
  if (scores.front() >= request.threshold) {
    OrderedJson spans = OrderedJson::array();
    for (size_t i = 0; i < request.spans.size(); ++i)
      spans.push_back({{"begin", request.spans[i].begin},
                       {"end", request.spans[i].end},
                       {"score", score_json(scores[request.has_sentences ? i + 1 : 0])}});
    attributes[kMeasured] = {{"spanScores", std::move(spans)}, {"summaryScore", score_json(scores.front())}};
  }
  OrderedJson body = {{"attributeScores", std::move(attributes)},
                      {"languages", request.languages},
                      {"detectedLanguages", OrderedJson::array({"en"})}};
  if (request.client_token) body["clientToken"] = *request.client_token;
  if (!request.unmeasured.empty()) body["unmeasured"] = request.unmeasured;
  if (!request.ignored.empty()) body["limpid"] = {{"ignored", request.ignored}};
  return body_text(body);
}

std::string comment_error_body(const ApiError& error) {
  OrderedJson body = {
      {"code", error.status}, {"message", printable(error.what())}, {"status", status_name(error.status)}};
  for (const char* type : {kEmpty, kTooLong, kOtherLanguage})
    if (error.code == type)
      body["details"] = OrderedJson::array(
          {{{"@type", "type.googleapis.com/google.commentanalyzer.v1alpha1.Error"}, {"errorType", type}}});
  return body_text({{"error", std::move(body)}});
}

}  // namespace limpid::server
