#include "limpid/tokenizers/jinja/parser.h"

#include <algorithm>
#include <charconv>

namespace limpid::jinja {

namespace {

std::string shown(const Token& token) {
  switch (token.kind) {
    case Token::Kind::Data: return "text";
    case Token::Kind::OutputBegin: return "{{";
    case Token::Kind::OutputEnd: return "}}";
    case Token::Kind::TagBegin: return "{%";
    case Token::Kind::TagEnd: return "%}";
    case Token::Kind::String: return "a string";
    case Token::Kind::End: return "the end";
    default: return "'" + token.text + "'";
  }
}

std::optional<Operator> operator_of_rank(size_t rank, const std::string& symbol) {
  static constexpr std::pair<const char*, Operator> kRanks[3][4] = {
      {{"+", Operator::Add}, {"-", Operator::Subtract}},
      {{"*", Operator::Multiply}, {"/", Operator::Divide}, {"//", Operator::FloorDivide}, {"%", Operator::Modulo}},
      {{"**", Operator::Power}}};
  for (const auto& [spelling, op] : kRanks[rank])
    if (spelling && symbol == spelling) return op;
  return std::nullopt;
}

}  // namespace

ExpressionParser::Level::Level(ExpressionParser& parser) : parser_(parser) {
  if (++parser.level_ <= kMaxNesting) return;
  --parser.level_;
  throw SyntaxFault(concat("more than ", kMaxNesting, " levels inside one another"), parser.token().line);
}

bool ExpressionParser::take_symbol(std::string_view text) {
  const bool is = is_symbol(text);
  if (is) take();
  return is;
}

bool ExpressionParser::take_name(std::string_view text) {
  const bool is = is_name(text);
  if (is) take();
  return is;
}

void ExpressionParser::expect_symbol(std::string_view text) {
  if (!take_symbol(text)) unexpected(concat("'", text, "'"));
}

std::string ExpressionParser::expect_name(const char* what) {
  if (token().kind != Token::Kind::Name) unexpected(what);
  return take().text;
}

void ExpressionParser::unexpected(std::string_view expected) const {
  throw SyntaxFault(concat("found ", shown(token()), ", expected ", expected), token().line);
}

ExpressionPtr ExpressionParser::expression(bool conditions) {
  const Level level(*this);
  return conditions ? choice() : junction(false);
}

ExpressionPtr ExpressionParser::tuple(TupleRules rules) {
  const size_t line = token().line;
  const auto ends = [&] {
    return token().kind == Token::Kind::OutputEnd || token().kind == Token::Kind::TagEnd || is_symbol(")") ||
           is_name("in") || is_name("recursive");
  };
  std::vector<ExpressionPtr> items;
  bool comma = false;
  while (!ends()) {
    items.push_back(expression(rules.conditions));
    if (!take_symbol(",")) break;
    comma = true;
  }
  if (items.empty() && !rules.may_be_empty) unexpected("an expression");
  if (!comma && items.size() == 1 && !rules.needs_comma) return std::move(items[0]);
  return node(line, Display{Sequence::Kind::Tuple, std::move(items)});
}

ExpressionPtr ExpressionParser::choice() {
  ExpressionPtr value = junction(false);
  for (size_t more = 0; is_name("if"); ++more) {
    if (more == kMaxNesting) unexpected("fewer conditions in a row");
    const size_t line = take().line;
    ExpressionPtr condition = junction(false), otherwise;
    if (take_name("else")) otherwise = expression();
    value = node(line, Choice{std::move(condition), std::move(value), std::move(otherwise)});
  }
  return value;
}

ExpressionPtr ExpressionParser::junction(bool is_and) {
  const size_t line = token().line;
  const auto part = [&] { return is_and ? negation() : junction(true); };
  std::vector<ExpressionPtr> parts;
  parts.push_back(part());
  while (take_name(is_and ? "and" : "or")) parts.push_back(part());
  if (parts.size() == 1) return std::move(parts[0]);
  return node(line, Junction{is_and, std::move(parts)});
}

ExpressionPtr ExpressionParser::negation() {
  if (!is_name("not")) return comparison();
  const Level level(*this);
  const size_t line = take().line;
  return node(line, Not{negation()});
}

ExpressionPtr ExpressionParser::comparison() {
  const size_t line = token().line;
  ExpressionPtr first = arithmetic(0);
  std::vector<std::pair<Comparison, ExpressionPtr>> rest;
  for (;;) {
    std::optional<Comparison> found;
    for (size_t i = 0; i < std::size(kComparisons); ++i)
      if (is_symbol(kComparisons[i])) found = Comparison(i);
    if (is_name("in")) found = Comparison::In;
    if (is_name("not") && is_name("in", 1)) found = Comparison::NotIn;
    if (!found) break;
    take();
    if (*found == Comparison::NotIn) take();
    rest.emplace_back(*found, arithmetic(0));
  }
  if (rest.empty()) return first;
  return node(line, Comparisons{std::move(first), std::move(rest)});
}

/// From the loosest: + and -; then ~ of concatenation(); then * / // %; then **, which Jinja too reads from the left.
ExpressionPtr ExpressionParser::arithmetic(size_t rank) {
  const size_t line = token().line;
  const auto operand = [&] { return rank == 0 ? concatenation() : rank == 1 ? arithmetic(2) : unary(); };
  ExpressionPtr first = operand();
  std::vector<std::pair<Operator, ExpressionPtr>> rest;
  while (token().kind == Token::Kind::Symbol) {
    const auto op = operator_of_rank(rank, token().text);
    if (!op) break;
    take();
    rest.emplace_back(*op, operand());
  }
  if (rest.empty()) return first;
  return node(line, Arithmetic{std::move(first), std::move(rest)});
}

ExpressionPtr ExpressionParser::concatenation() {
  const size_t line = token().line;
  std::vector<ExpressionPtr> parts;
  parts.push_back(arithmetic(1));
  while (take_symbol("~")) parts.push_back(arithmetic(1));
  if (parts.size() == 1) return std::move(parts[0]);
  return node(line, Concatenation{std::move(parts)});
}

ExpressionPtr ExpressionParser::unary(bool with_filters) {
  const bool negative = is_symbol("-");
  if (!negative && !is_symbol("+")) return chain(primary(), with_filters);
  const Level level(*this);
  const size_t line = take().line;
  return chain(node(line, Sign{negative, unary(false)}), with_filters);
}

ExpressionPtr ExpressionParser::literal(Value value) { return node(token().line, Literal{std::move(value)}); }

ExpressionPtr ExpressionParser::primary() {
  switch (token().kind) {
    case Token::Kind::Name: return name_or_constant();
    case Token::Kind::Integer:
    case Token::Kind::Float: return number();
    case Token::Kind::String: {
      std::string text;
      while (token().kind == Token::Kind::String) text += take().text;
      return literal(std::make_shared<const Text>(Text{std::move(text)}));
    }
    default: break;
  }
  if (is_symbol("[")) return list();
  if (is_symbol("{")) return dict();
  if (!take_symbol("(")) unexpected("an expression");
  ExpressionPtr inner = tuple({.may_be_empty = true});
  expect_symbol(")");
  return inner;
}

ExpressionPtr ExpressionParser::number() {
  const Token digits = take();
  const char* begin = digits.text.data();
  const char* const end = begin + digits.text.size();
  if (digits.kind == Token::Kind::Float) {
    double value = 0;
    if (std::from_chars(begin, end, value).ec == std::errc()) return literal(value);
  } else {
    const char prefix = digits.text.size() > 2 ? char(digits.text[1] | 32) : '0';
    const int base = prefix == 'x' ? 16 : prefix == 'o' ? 8 : prefix == 'b' ? 2 : 10;
    int64_t value = 0;
    if (std::from_chars(base == 10 ? begin : begin + 2, end, value, base).ec == std::errc()) return literal(value);
  }
  throw SyntaxFault(concat("the number ", digits.text, " is too large"), digits.line);
}

ExpressionPtr ExpressionParser::name_or_constant() {
  const Token name = take();
  if (name.text == "true" || name.text == "True") return literal(true);
  if (name.text == "false" || name.text == "False") return literal(false);
  if (name.text == "none" || name.text == "None") return literal(None());
  saw_varargs_ = saw_varargs_ || name.text == "varargs";
  saw_kwargs_ = saw_kwargs_ || name.text == "kwargs";
  return node(name.line, Name{name.text});
}

ExpressionPtr ExpressionParser::list() {
  const size_t line = take().line;
  std::vector<ExpressionPtr> items;
  while (!is_symbol("]")) {
    if (!items.empty()) expect_symbol(",");
    if (is_symbol("]")) break;
    items.push_back(expression());
  }
  take();
  return node(line, Display{Sequence::Kind::List, std::move(items)});
}

ExpressionPtr ExpressionParser::dict() {
  const size_t line = take().line;
  DictDisplay display;
  while (!is_symbol("}")) {
    if (!display.entries.empty()) expect_symbol(",");
    if (is_symbol("}")) break;
    ExpressionPtr key = expression();
    expect_symbol(":");
    display.entries.emplace_back(std::move(key), expression());
  }
  take();
  return node(line, std::move(display));
}

ExpressionPtr ExpressionParser::chain(ExpressionPtr first, bool with_filters) {
  const size_t line = first->line;
  std::vector<Link> links;
  for (bool behind_filter = false;;) {
    if (is_symbol("(")) {
      links.push_back({Link::Kind::Call, "", {}, call_arguments()});
    } else if (!behind_filter && (is_symbol(".") || is_symbol("["))) {
      links.push_back(subscript());
    } else if (with_filters && take_symbol("|")) {
      links.push_back(filter());
      behind_filter = true;
    } else if (with_filters && take_name("is")) {
      links.push_back(test());
      behind_filter = true;
    } else {
      break;
    }
  }
  if (links.empty()) return first;
  return node(line, Chain{std::move(first), std::move(links)});
}

Link ExpressionParser::subscript() {
  Link link{Link::Kind::Item};
  if (take_symbol(".")) {
    if (token().kind == Token::Kind::Integer) {
      link.bounds[0] = number();
    } else {
      link.kind = Link::Kind::Attribute;
      link.name = expect_name("a name or number behind the dot");
    }
    return link;
  }
  take();
  size_t bound = 0;
  bool colons = false;
  while (!is_symbol("]")) {
    if (take_symbol(":")) {
      if (++bound > 2) unexpected("at most two colons");
      colons = true;
    } else if (link.bounds[bound]) {
      unexpected("']'");
    } else {
      link.bounds[bound] = expression();
    }
  }
  if (!colons && !link.bounds[0]) unexpected("an expression");
  take();
  if (colons) link.kind = Link::Kind::Slice;
  return link;
}

CallArguments ExpressionParser::call_arguments() {
  CallArguments out;
  take();
  for (bool first = true; !is_symbol(")"); first = false) {
    if (!first) expect_symbol(",");
    if (is_symbol(")")) break;
    if (take_symbol("**")) {
      out.more_named = expression();
    } else if (take_symbol("*")) {
      out.more = expression();
    } else if (token().kind == Token::Kind::Name && token(1).kind == Token::Kind::Symbol && token(1).text == "=") {
      std::string name = take().text;
      take();
      out.named.emplace_back(std::move(name), expression());
    } else {
      if (!out.named.empty() || out.more || out.more_named) unexpected("name=value behind another of that kind");
      out.positional.push_back(expression());
    }
  }
  take();
  return out;
}

Link ExpressionParser::filter() {
  Link link{Link::Kind::Filter, expect_name("a filter's name")};
  while (take_symbol(".")) link.name += "." + expect_name("a filter's name");
  if (is_symbol("(")) link.arguments = call_arguments();
  return link;
}

std::vector<Link> ExpressionParser::filters() {
  std::vector<Link> out;
  do out.push_back(filter());
  while (take_symbol("|"));
  return out;
}

bool ExpressionParser::starts_test_argument() const {
  switch (token().kind) {
    case Token::Kind::Name: return !is_name("else") && !is_name("or") && !is_name("and");
    case Token::Kind::String:
    case Token::Kind::Integer:
    case Token::Kind::Float: return true;
    default: return is_symbol("[") || is_symbol("{");
  }
}

Link ExpressionParser::test() {
  Link link{take_name("not") ? Link::Kind::NegatedTest : Link::Kind::Test};
  link.name = expect_name("a test's name");
  while (take_symbol(".")) link.name += "." + expect_name("a test's name");
  if (is_symbol("(")) {
    link.arguments = call_arguments();
  } else if (starts_test_argument()) {
    if (is_name("is")) unexpected("one test alone");
    link.arguments.positional.push_back(chain(primary(), false));
  }
  return link;
}

}  // namespace limpid::jinja
