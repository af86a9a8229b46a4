#pragma once

#include "limpid/tokenizers/jinja/lexer.h"
#include "limpid/tokenizers/jinja/tree.h"

namespace limpid::jinja {

/// Reads expressions from tokens, with Jinja's ranks of operators. @throws SyntaxFault from every function
class ExpressionParser {
 public:
  explicit ExpressionParser(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

 protected:
  struct TupleRules {
    bool conditions = true;     ///< a if b else c may stand in it
    bool needs_comma = false;   ///< otherwise one value alone is just that
    bool may_be_empty = false;  ///< ()
  };
  ExpressionPtr expression(bool conditions = true);
  ExpressionPtr tuple(TupleRules rules);  ///< a or a, b
  ExpressionPtr unary(bool with_filters = true);
  std::vector<Link> filters();  ///< name(…)|name(…), without a bar in front
  CallArguments call_arguments();

  const Token& token(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  Token take() { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_.back(); }
  bool is_symbol(std::string_view text) const { return token().kind == Token::Kind::Symbol && token().text == text; }
  bool is_name(std::string_view text, size_t ahead = 0) const {
    return token(ahead).kind == Token::Kind::Name && token(ahead).text == text;
  }
  bool take_symbol(std::string_view text);
  bool take_name(std::string_view text);
  void expect_symbol(std::string_view text);
  std::string expect_name(const char* what);
  [[noreturn]] void unexpected(std::string_view expected) const;
  template <class Form>
  ExpressionPtr node(size_t line, Form form) const {
    return std::make_unique<const Expression>(Expression{line, std::move(form)});
  }

  /// Counts blocks and parentheses inside one another.
  class Level {
   public:
    explicit Level(ExpressionParser& parser);
    ~Level() { --parser_.level_; }
    Level(const Level&) = delete;

   private:
    ExpressionParser& parser_;
  };

  bool saw_varargs_ = false, saw_kwargs_ = false;  ///< such names were read

 private:
  ExpressionPtr choice();
  ExpressionPtr junction(bool is_and);
  ExpressionPtr negation();
  ExpressionPtr comparison();
  ExpressionPtr arithmetic(size_t rank);
  ExpressionPtr concatenation();
  ExpressionPtr primary();
  ExpressionPtr literal(Value value);
  ExpressionPtr number();
  ExpressionPtr name_or_constant();
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr chain(ExpressionPtr first, bool with_filters);
  Link subscript();
  Link filter();
  Link test();
  bool starts_test_argument() const;

  std::vector<Token> tokens_;
  size_t at_ = 0, level_ = 0;
};

/// Returns the statements of a template. @throws SyntaxFault
Body parse_template(std::string_view source);

}  // namespace limpid::jinja
