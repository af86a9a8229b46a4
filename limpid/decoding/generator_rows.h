#pragma once

#include "limpid/decoding/continuation_text.h"
#include "limpid/decoding/generator.h"

/// What a Generator holds of its rows.
namespace limpid {

struct Generator::Prompt : ActiveRow {
  std::vector<Waiting> samples = {};  // that start from it when it has been read
  Tensor logits = {};                 // [V], after all sessions; its samples draw their first token from a copy

  bool is_read() const { return logits.defined() || error; }
};

struct Generator::Slot : ActiveRow {
  Tensor logits;  // [V], edited in place by the sampler
  ContinuationText text;
  TokenIds again = {};               // tokens that it had drawn before it gave its pages back
  std::vector<Course> courses = {};  // the first is the request's own
  TokenEvent drawn = {};             // the last token
  bool is_told = false;              // the last token is one that was told before
  bool paused = false;
  bool gone = false;  // finished or cancelled

  void set_course(const Course& course) {
    row.request.strengths = course.strengths;
    row.request.attempt = course.attempt;
  }
  /// Takes the turns that it took here before.
  void follow_courses() {
    for (size_t i = 1; i < courses.size(); ++i)
      if (courses[i].from == row.new_ids.size()) set_course(courses[i]);
  }
};

/// Returns whether both begin with the same bits, so that the prompt is read once for both.
inline bool same_start(const Request& a, const Request& b) {
  return a.prompt == b.prompt && a.strengths == b.strengths && a.prompt_ids == b.prompt_ids &&
         a.prefix_owner == b.prefix_owner;
}

}  // namespace limpid
