#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "limpid/core/warnings.h"
#include "limpid/core/watch.h"
#include "limpid/decoding/generator.h"
#include "limpid/decoding/writing.h"
#include "limpid/evaluation/evaluate.h"
#include "limpid/methods/detox_stack.h"
#include "limpid/models/named_model.h"
#include "limpid/scorers/scorer.h"

/// Limpid as a library, on one screen:
///
///   auto model = open_named_model("smollm2-135m-instruct");           // a folder, a GGUF file, or a pulled name
///   auto detox = open_detoxifiers({"fusion.detox.safetensors:0.5"});  // several compose; none is the plain model
///   auto texts = generate(model, {"Once upon a time"}, detox);        // [prompts][samples]
///   auto scores = open_scorer()->score(std::vector{texts[0][0].text});  // toxicity in [0, 1]
///   auto results = evaluate(plan);                                    // evaluation/evaluate.h
///
/// Rows that come and go, random numbers, log-probabilities, cancelling and going back are the Generator's
/// (decoding/generator.h); a method of one's own is a Session (decoding/session.h). Errors are exceptions below Error
/// (core/error.h). Nothing is printed, and no signal is looked at: long work reports to a Watch, and what readers of
/// files doubt goes to listen_to_warnings (core/warnings.h).
namespace limpid {

/// Writes texts behind prompts, many at a time. The same model, prompt, options and place among the prompts give the
/// same text.
/// @return  the samples of each prompt, in their order
/// @throws  ConfigError as make_request; MismatchError for a detoxifier that was made for another model; Error when a
/// row failed.
std::vector<std::vector<Completion>> generate(const std::shared_ptr<const Model>& model,
                                              const std::vector<std::string>& prompts, const DetoxStack& detox = {},
                                              const WritingOptions& options = {}, Watch& watch = unwatched());

/// Writes one text and hands it out as it grows, in pieces of whole characters.
/// @param on_text  gets each piece; returning false ends the text there
Completion stream(const std::shared_ptr<const Model>& model, const std::string& prompt, const DetoxStack& detox,
                  const WritingOptions& options, const std::function<bool(const std::string& piece)>& on_text);

}  // namespace limpid
