#pragma once

#include "limpid/tokenizers/jinja/operators.h"

/// A parsed template. Whatever a source can chain without parentheses (a + b + c, x.y.z|f|g) is one node with many
/// parts, so that the tree is no deeper than the source is nested.
namespace limpid::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<const Expression>;

struct Literal {
  Value value;
};
struct Name {
  std::string name;
};
struct Display {  ///< [a, b] or (a, b)
  Sequence::Kind kind;
  std::vector<ExpressionPtr> items;
};
struct DictDisplay {
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> entries;
};
struct Arithmetic {  ///< operators of one rank, from left to right
  ExpressionPtr first;
  std::vector<std::pair<Operator, ExpressionPtr>> rest;
};
struct Concatenation {  ///< a ~ b ~ c
  std::vector<ExpressionPtr> parts;
};
struct Comparisons {  ///< a < b == c
  ExpressionPtr first;
  std::vector<std::pair<Comparison, ExpressionPtr>> rest;
};
struct Junction {  ///< a and b and c, or a or b or c
  bool is_and;
  std::vector<ExpressionPtr> parts;
};
struct Not {
  ExpressionPtr operand;
};
struct Sign {
  bool negative;
  ExpressionPtr operand;
};
struct Choice {  ///< a if condition else b; without else the otherwise is null
  ExpressionPtr condition, then, otherwise;
};

/// What stands behind an expression: x.name, x[key], x[a:b:c], x(…), x|name(…), x is name(…).
struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr more, more_named;  ///< *more, **more_named; null for none
};
struct Link {
  enum class Kind : uint8_t { Attribute, Item, Slice, Call, Filter, Test, NegatedTest } kind;
  std::string name;         ///< of attribute, filter or test
  ExpressionPtr bounds[3];  ///< of a slice; the first is an item's key
  CallArguments arguments;
};
struct Chain {
  ExpressionPtr first;
  std::vector<Link> links;
};

struct Expression {
  size_t line;
  std::variant<Literal, Name, Display, DictDisplay, Arithmetic, Concatenation, Comparisons, Junction, Not, Sign, Choice,
               Chain>
      form;
};

struct Statement;
using Body = std::vector<Statement>;

/// What a value is given to: a name, an attribute of a namespace, or several such in turn.
struct Target {
  std::string name, attribute;
  std::vector<Target> parts;
};

struct Data {
  std::string text;
};
struct Output {
  ExpressionPtr value;
};
struct For {
  Target target;
  ExpressionPtr iterable, condition;  ///< the condition is null for none
  Body body, otherwise;
  bool recursive = false;  ///< loop(…) renders the body for other elements
};
struct If {
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  Body otherwise;
};
struct Set {
  Target target;
  ExpressionPtr value;  ///< null: what the body writes, through the filters
  Body body;
  std::vector<Link> filters;
};
struct MacroForm {
  std::string name;
  std::vector<std::pair<std::string, ExpressionPtr>> parameters;  ///< with their defaults, null for none
  Body body;
  bool takes_more = false, takes_more_named = false;  ///< it speaks of varargs, of kwargs
};
struct CallBlock {
  ExpressionPtr call;
  MacroForm caller;
};
struct FilterBlock {
  std::vector<Link> filters;
  Body body;
};
struct With {  ///< also a generation block, which transformers only marks
  std::vector<std::pair<Target, ExpressionPtr>> values;
  Body body;
};
struct Break {};
struct Continue {};

struct Statement {
  size_t line;
  std::variant<Data, Output, For, If, Set, MacroForm, CallBlock, FilterBlock, With, Break, Continue> form;
};

}  // namespace limpid::jinja
