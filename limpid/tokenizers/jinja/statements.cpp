#include <algorithm>

#include "limpid/tokenizers/jinja/parser.h"

namespace limpid::jinja {

namespace {

using Words = std::initializer_list<std::string_view>;

/// Reads the tags of a template and what stands between them.
class TemplateParser : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Body whole() {
    Body body = statements({});
    if (token().kind != Token::Kind::End) unexpected("no such tag: nothing is open");
    return body;
  }

 private:
  /// Reads up to a tag that begins with one of these words, or to the end; the tag's opening and word are left.
  Body statements(Words until) {
    Body body;
    while (token().kind != Token::Kind::End) {
      const size_t line = token().line;
      if (token().kind == Token::Kind::Data) {
        body.push_back({line, Data{take().text}});
      } else if (token().kind == Token::Kind::OutputBegin) {
        take();
        body.push_back({line, Output{tuple({})}});
        if (token().kind != Token::Kind::OutputEnd) unexpected("}}");
        take();
      } else if (is_tag(until)) {
        return body;
      } else {
        take();
        body.push_back(statement());
      }
    }
    if (until.size() > 0) unexpected(concat("a tag '", *(until.end() - 1), "'"));
    return body;
  }

  bool is_tag(Words words) const {
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return is_name(word, 1); });
  }

  void end_tag() {
    if (token().kind != Token::Kind::TagEnd) unexpected("%}");
    take();
  }

  /// Reads the body of a block, then the tag that ends it.
  Body block(std::string_view end) {
    end_tag();
    Body body = statements({end});
    take();
    take();
    return body;
  }

  Statement statement() {
    const Level level(*this);
    const size_t line = token().line;
    const std::string word = expect_name("a tag's name");
    if (word == "for") return {line, for_loop()};
    if (word == "if") return {line, if_block()};
    if (word == "set") return {line, set()};
    if (word == "macro") return {line, macro()};
    if (word == "call") return {line, call_block()};
    if (word == "filter") return {line, filter_block()};
    if (word == "with") return {line, with_block()};
    if (word == "generation") {
      Statement generation{line, With{{}, block("endgeneration")}};
      end_tag();
      return generation;
    }
    if (word == "break" || word == "continue") {
      end_tag();
      if (loops_ == 0) throw SyntaxFault(concat("'", word, "' outside a loop"), line);
      if (word == "break") return {line, Break{}};
      return {line, Continue{}};
    }
    throw SyntaxFault(concat("found a tag '", word,
                             "', expected one that chat templates use: for, if, set, macro, call, "
                             "filter, with, generation, break or continue"),
                      line);
  }

  Target one_target() {
    Target target;
    if (take_symbol("(")) {
      const Level level(*this);
      target = targets();
      expect_symbol(")");
      return target;
    }
    target.name = expect_name("a name");
    for (const char* constant : {"true", "false", "none", "True", "False", "None"})
      if (target.name == constant) unexpected("a name that can be given a value");
    if (take_symbol(".")) target.attribute = expect_name("a name behind the dot");
    return target;
  }

  Target targets() {
    Target first = one_target();
    if (!is_symbol(",")) return first;
    Target all;
    all.parts.push_back(std::move(first));
    while (take_symbol(",") && (token().kind == Token::Kind::Name || is_symbol("("))) all.parts.push_back(one_target());
    return all;
  }

  For for_loop() {
    For loop;
    loop.target = targets();
    if (!take_name("in")) unexpected("'in'");
    loop.iterable = tuple({.conditions = false});
    if (take_name("if")) loop.condition = expression();
    loop.recursive = take_name("recursive");
    ++loops_;
    end_tag();
    loop.body = statements({"else", "endfor"});
    --loops_;
    take();
    if (take_name("else"))
      loop.otherwise = block("endfor");
    else
      take();
    end_tag();
    return loop;
  }

  If if_block() {
    If out;
    do {
      ExpressionPtr condition = tuple({.conditions = false});
      end_tag();
      out.branches.emplace_back(std::move(condition), statements({"elif", "else", "endif"}));
      take();
    } while (take_name("elif"));
    if (take_name("else"))
      out.otherwise = block("endif");
    else
      take();
    end_tag();
    return out;
  }

  Set set() {
    Set out;
    out.target = targets();
    if (take_symbol("=")) {
      out.value = tuple({});
    } else {
      if (take_symbol("|")) out.filters = filters();
      out.body = block("endset");
    }
    end_tag();
    return out;
  }

  void parameters(MacroForm& macro) {
    expect_symbol("(");
    while (!is_symbol(")")) {
      if (!macro.parameters.empty()) expect_symbol(",");
      if (is_symbol(")")) break;
      std::string name = expect_name("a parameter's name");
      ExpressionPtr value;
      if (take_symbol("="))
        value = expression();
      else if (!macro.parameters.empty() && macro.parameters.back().second)
        unexpected("a default, as the parameter before has one");
      macro.parameters.emplace_back(std::move(name), std::move(value));
    }
    take();
  }

  void macro_body(MacroForm& macro, std::string_view end) {
    const bool saw_varargs = std::exchange(saw_varargs_, false), saw_kwargs = std::exchange(saw_kwargs_, false);
    const size_t loops = std::exchange(loops_, 0);
    macro.body = block(end);
    loops_ = loops;
    macro.takes_more = std::exchange(saw_varargs_, saw_varargs);
    macro.takes_more_named = std::exchange(saw_kwargs_, saw_kwargs);
    end_tag();
  }

  MacroForm macro() {
    MacroForm out;
    out.name = expect_name("a macro's name");
    parameters(out);
    macro_body(out, "endmacro");
    return out;
  }

  CallBlock call_block() {
    CallBlock out;
    out.caller.name = "caller";
    if (is_symbol("(")) parameters(out.caller);
    const size_t line = token().line;
    out.call = expression();
    const auto* chain = std::get_if<Chain>(&out.call->form);
    if (!chain || chain->links.back().kind != Link::Kind::Call) throw SyntaxFault("expected a call of a macro", line);
    macro_body(out.caller, "endcall");
    return out;
  }

  FilterBlock filter_block() {
    FilterBlock out;
    out.filters = filters();
    out.body = block("endfilter");
    end_tag();
    return out;
  }

  With with_block() {
    With out;
    while (token().kind != Token::Kind::TagEnd) {
      if (!out.values.empty()) expect_symbol(",");
      Target target = one_target();
      expect_symbol("=");
      out.values.emplace_back(std::move(target), expression());
    }
    out.body = block("endwith");
    end_tag();
    return out;
  }

  size_t loops_ = 0;
};

}  // namespace

Body parse_template(std::string_view source) { return TemplateParser(read_tokens(source)).whole(); }

}  // namespace limpid::jinja
