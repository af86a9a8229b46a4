#include <gtest/gtest.h>

#include "limpid/core/error.h"
#include "limpid/tokenizers/jinja/template.h"

namespace limpid::jinja {
namespace {

const OrderedJson& variables() {
  static const OrderedJson value = OrderedJson::parse(R"({
    "n": 3, "f": 2.5, "s": "Hello World", "l": [3, 1, 2], "d": {"b": 1, "a": [true, null]}, "none_here": null,
    "people": [{"name": "Bo", "age": 2}, {"name": "ada", "age": 1}, {"name": "Cy"}]})");
  return value;
}

std::string render(const std::string& source, const Limits& limits = {}) {
  return Template(source).render(variables(), limits);
}

/// What an error says behind "[chat] "; empty where there is none.
std::string failure(const std::string& source, const Limits& limits = {}) {
  try {
    render(source, limits);
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_TRUE(message.starts_with("[chat] ")) << message;
    return message.substr(7);
  }
  return "";
}

void expect_failure(const std::string& source, const std::string& part) {
  EXPECT_NE(failure(source).find(part), std::string::npos) << source << ": " << failure(source);
}

TEST(Jinja, BlocksTakeTheirLineWithThem) {
  EXPECT_EQ(render("a\n  {% if true %}\n  b\n  {% endif %}\nc\n"), "a\n  b\nc");
  EXPECT_EQ(render("a\n  {%+ if true +%}\nb{% endif %}"), "a\n  \nb");
  EXPECT_EQ(render("a  {%- if true -%}  b  {%- endif -%}  c"), "abc");
  EXPECT_EQ(render("a\n {# note #}\nb {#- note -#} c"), "a\nbc");
  EXPECT_EQ(render("a  {{- n -}}  b\n{{ n }}\nc"), "a3b\n3\nc");
  EXPECT_EQ(render("{% raw %}{{ n }}{% endraw %}\n{{ n }}"), "{{ n }}3");
  EXPECT_EQ(render("one\r\ntwo\n"), "one\ntwo");
}

TEST(Jinja, PrintsAsPythonDoes) {
  EXPECT_EQ(render("{{ [1, 'a', none, true, 2.0, \"it's\", '\\n', 'é'] }}"),
            "[1, 'a', None, True, 2.0, \"it's\", '\\n', 'é']");
  EXPECT_EQ(render("{{ d }} {{ (1,) }} {{ () }}"), "{'b': 1, 'a': [True, None]} (1,) ()");
  EXPECT_EQ(render("{{ 1e16 }} {{ 1e15 }} {{ 0.1 + 0.2 }} {{ 0.00001 }} {{ 100.0 }}"),
            "1e+16 1000000000000000.0 0.30000000000000004 1e-05 100.0");
  EXPECT_EQ(render("[{{ missing }}]"), "[]");
}

TEST(Jinja, CalculatesAsPythonDoes) {
  EXPECT_EQ(render("{{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ 2 ** 3 ** 2 }} {{ 2 ** -1 }}"),
            "-4 2 -2 3.5 64 0.5");
  EXPECT_EQ(render("{{ (1 + 2 * 3) ~ 4 }} {{ -2 ** 2 }} {{ 'ab' * 2 }} {{ [1] + [2] }} {{ true + 1 }}"),
            "74 4 abab [1, 2] 2");
  EXPECT_EQ(render("{{ 1 < 2 < 3 }} {{ 3 > 2 > 2 }} {{ 1 == 1.0 }} {{ 'a' in 'abc' }} {{ 4 not in l }}"),
            "True False True True True");
  EXPECT_EQ(render("{{ 0 or 'x' }} {{ n and s }} {{ not n }} {{ 'a' if n > 5 else 'b' if n else 'c' }}"),
            "x Hello World False b");
}

TEST(Jinja, TakesStringsByCodePoints) {
  EXPECT_EQ(render("{{ 'añb'|length }} {{ 'añb'[1] }} {{ 'añb'[::-1] }} {{ s[1:-1:2] }} {{ 'añb'.find('b') }}"),
            "3 ñ bña el ol 2");
  EXPECT_EQ(render("{{ '\\x41\\u00e9\\t\\q' }} {{ 'a' 'b' }}"), "Aé\t\\q ab");
}

TEST(Jinja, NamesSetInALoopAreForgottenBehindIt) {
  EXPECT_EQ(render("{% set x = 0 %}{% for i in l %}{% set x = x + i %}{{ x }}{% endfor %} {{ x }}"), "312 0");
  EXPECT_EQ(render("{% set ns = namespace(x=0) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}"),
            "6");
  EXPECT_EQ(render("{% if true %}{% set x = 5 %}{% endif %}{{ x }}"), "5");
}

TEST(Jinja, LoopsKnowWhereTheyAre) {
  EXPECT_EQ(render("{% for x in l %}{{ loop.index }}/{{ loop.length }}{{ '.' if loop.last else ',' }}{% endfor %}"),
            "1/3,2/3,3/3.");
  EXPECT_EQ(render("{% for x in l if x > 1 %}{{ x }}{{ loop.nextitem|default('!') }}{% endfor %}"), "322!");
  EXPECT_EQ(render("{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{% if x == 2 %}{% break %}{% endif %}{{ x "
                   "}}{% endfor %}"),
            "3");
  EXPECT_EQ(render("{% for x in [] %}{% else %}none{% endfor %}"), "none");
  EXPECT_EQ(render("{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}"), "b=1;a=[True, None];");
  EXPECT_EQ(render("{% for x in [[1, [2]]] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}"), "12");
}

TEST(Jinja, MacrosTakeDefaultsNamesAndCallers) {
  EXPECT_EQ(render("{% macro m(a, b=2, c=a) %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, c=3) }}"),
            "[121][123]");
  EXPECT_EQ(render("{% macro m(x) %}<{{ caller(x) }}>{% endmacro %}{% call(y) m(n) %}{{ y }}{% endcall %}"), "<3>");
  EXPECT_EQ(render("{% macro f(n) %}{{ n }}{% if n %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}"), "3210");
  EXPECT_EQ(render("{% set x %}a{{ n }}{% endset %}{% filter upper %}{{ x }}{% endfilter %}"), "A3");
  EXPECT_EQ(render("{% generation %}{{ n }}{% endgeneration %}"), "3");
}

TEST(Jinja, FiltersAndTestsDoWhatTheirNamesSay) {
  EXPECT_EQ(render("{{ people|map(attribute='name')|join(',') }} {{ "
                   "people|sort(attribute='name')|map(attribute='name')|list }}"),
            "Bo,ada,Cy ['ada', 'Bo', 'Cy']");
  EXPECT_EQ(render("{{ people|selectattr('age')|map(attribute='age')|sum }} {{ people|rejectattr('age', "
                   "'defined')|list|length }}"),
            "3 1");
  EXPECT_EQ(render("{{ l|sort }} {{ l|max }} {{ l|first }} {{ l|last }} {{ l|reverse|list }} {{ [1, 1]|unique|list }}"),
            "[1, 2, 3] 3 3 2 [2, 1, 3] [1]");
  EXPECT_EQ(
      render("{{ 2.5|round }} {{ 3.5|round }} {{ '12'|int + 1 }} {{ 'x'|int(7) }} {{ '%5.1f|%s'|format(f, none) }}"),
      "2.0 4.0 13 7   2.5|None");
  EXPECT_EQ(render("{{ 'a\nb'|indent(2) }} {{ ' x '|trim }} {{ missing|default('d') }} {{ s|replace('o', '0', 1) }}"),
            "a\n  b x d Hell0 World");
  EXPECT_EQ(render("{{ n is odd }} {{ missing is defined }} {{ s is string }} {{ d is mapping }} {{ 6 is divisibleby 4 "
                   "}} {{ n is in l }}"),
            "True False True True False True");
}

TEST(Jinja, WritesJsonAsTransformersDoes) {
  EXPECT_EQ(render("{{ d|tojson }} {{ 'é<\"'|tojson }} {{ [1.0, none]|tojson }}"),
            R"({"b": 1, "a": [true, null]} "é<\"" [1.0, null])");
  EXPECT_EQ(render("{{ d|tojson(indent=2) }}"), "{\n  \"b\": 1,\n  \"a\": [\n    true,\n    null\n  ]\n}");
  EXPECT_EQ(render("{{ d|tojson(sort_keys=true, separators=(',', ':')) }} {{ '😀'|tojson(ensure_ascii=true) }}"),
            R"({"a":[true,null],"b":1} "\ud83d\ude00")");
}

TEST(Jinja, IteratorsAreGoneThroughOnce) {
  EXPECT_EQ(render("{% set x = l|map('string') %}{{ x|first }}{{ x|list }}{{ x|list }}"), "3['1', '2'][]");
}

TEST(Jinja, WhatIsNotThereIsAnErrorOnlyWhenItIsUsed) {
  EXPECT_EQ(render("{{ missing }}{{ d.missing }}{{ l[9] }}{{ missing|length }}{% for x in missing %}{% endfor %}"),
            "0");
  expect_failure("{{ missing.x }}", "line 1: 'missing' is undefined");
  expect_failure("\n{{ 'a' + d.tool }}", "line 2: 'dict object' has no attribute 'tool'");
  expect_failure("{{ none_here.x.y }}", "'None' has no attribute 'x'");
  expect_failure("{{ s.nope() }}", "'str object' has no attribute 'nope'");
  expect_failure("{{ missing() }}", "'missing' is undefined");
}

TEST(Jinja, NothingThatATemplateSeesCanChange) {
  expect_failure("{{ l.append(1) }}", "'append' of 'list' object is unsafe");
  expect_failure("{{ d.update({}) }}", "'update' of 'dict' object is unsafe");
  expect_failure("{{ s.__class__.__mro__ }}", "'__class__' of 'str' object is unsafe");
  expect_failure("{% set d.x = 1 %}", "non-namespace");
  expect_failure("{% set ns = namespace() %}{% set ns._x = 1 %}", "underscore");
}

TEST(Jinja, SaysWhereATemplateIsWrong) {
  expect_failure("a\nb\n{% if n %}", "line 3: found the end, expected a tag 'endif'");
  expect_failure("{% endfor %}", "line 1: found a tag 'endfor'");
  expect_failure("{{ 1 + }}", "found }}, expected an expression");
  expect_failure("{{ 'abc }}", "line 1: a string is not closed");
  expect_failure("x\n{# note", "line 2: a comment is not closed");
  expect_failure("{{ n", "a tag is not closed, expected }}");
  expect_failure("{% include 'x' %}", "found a tag 'include', expected one that chat templates use");
  expect_failure("{{ (1] }}", "expected ')'");
  expect_failure("{{ n ? 1 }}", "found '?'");
  expect_failure("{% break %}", "'break' outside a loop");
  expect_failure("{{ n|shout }}", "no filter is named 'shout'");
  expect_failure("{{ n is loud }}", "no test is named 'loud'");
  expect_failure("{{ 99999999999999999999 }}", "too large");
}

TEST(Jinja, SaysWhatATemplateCannotDo) {
  expect_failure("{{ 'a' + 1 }}", "can only concatenate str");
  expect_failure("{{ 1 / 0 }}", "division by zero");
  expect_failure("{{ 'a' < 1 }}", "'<' not supported between instances of 'str' and 'int'");
  expect_failure("{% for a, b in [[1]] %}{% endfor %}", "not enough values to unpack");
  expect_failure("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "takes not more than 1 argument");
  expect_failure("{{ {[]: 1} }}", "unhashable type: 'list'");
  expect_failure("{{ missing|tojson }}", "not JSON serializable");
  expect_failure("{{ 9223372036854775807 + 1 }}", "64 bits");
}

TEST(Jinja, ATemplatesOwnRefusalIsGivenInItsWords) {
  EXPECT_EQ(failure("{{ raise_exception('Roles must\nalternate!') }}"), "Roles must\\x0aalternate!");
}

TEST(Jinja, NamesInsideParenthesesTakeWhatIsInsideAnElement) {
  EXPECT_EQ(render("{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}"), "123");
  EXPECT_EQ(render("{% for (a, (b, c)) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}"), "123");
  EXPECT_EQ(
      render(
          "{% set (a, b), c = (1, 2), 3 %}{% set x, (y, z) = 4, (5, 6) %}{{ a }}{{ b }}{{ c }}{{ x }}{{ y }}{{ z }}"),
      "123456");
}

TEST(Jinja, NamesHoldLettersOfAnyScriptAndNothingElse) {
  EXPECT_EQ(render("{% set größe2 = 3 %}{{ größe2 }}"), "3");
  expect_failure("{{ “x” }}", "found '“', which means nothing here");
  expect_failure("{{ x }}", "which means nothing here");
}

TEST(Jinja, JsonSortsKeysAsTheyAre) {
  EXPECT_EQ(render("{{ {10: 'a', 9: 'b'}|tojson(sort_keys=true) }}"), R"({"9": "b", "10": "a"})");
  expect_failure("{{ {10: 'a', 'x': 'b'}|tojson(sort_keys=true) }}", "not supported between");
}

TEST(Jinja, TextsAreSearchedAndSplitFromBothSides) {
  EXPECT_EQ(render("{{ 'abcabc'.find('ca') }} {{ 'abcabc'.rfind('bc') }} {{ 'abc'.rfind('') }} {{ 'a'.find('ab') }} "
                   "{{ ''.find('') }} {{ 'aaa'.count('aa') }} {{ 'äbäb'.rfind('ä') }}"),
            "2 4 3 -1 0 1 2");
  EXPECT_EQ(
      render(
          "{{ 'a, b, c'.split(', ') }}{{ 'a, b, c'.rsplit(', ', 1) }}{{ 'xxx'.rsplit('xx') }}{{ ',a,'.rsplit(',') }}"),
      "['a', 'b', 'c']['a, b', 'c']['x', '']['', 'a', '']");
  EXPECT_EQ(render("{{ 'a-b-c'.rpartition('-') }}{{ 'a-b-c'.partition('-') }}"), "('a-b', '-', 'c')('a', '-', 'b-c')");
}

TEST(Jinja, ATemplateEndsWithinItsLimits) {
  EXPECT_NE(failure("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}")
                .find("10000000 steps"),
            std::string::npos);
  EXPECT_NE(failure("{{ 'a' * 99999999999 }}").find("grows beyond"), std::string::npos);
  EXPECT_NE(failure("{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}")
                .find("grows beyond"),
            std::string::npos);
  EXPECT_NE(failure("{{ range(100001) }}").find("Range too big"), std::string::npos);
  EXPECT_NE(failure("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}").find("levels"), std::string::npos);
  EXPECT_NE(failure("{% set ns = namespace(x=[]) %}{% for i in range(200) %}{% set ns.x = [ns.x] %}{% endfor %}")
                .find("levels"),
            std::string::npos);
  EXPECT_NE(failure("{% set ns = namespace(x=[1]) %}{% for i in range(90) %}{% set ns.x = [ns.x, ns.x] %}{% endfor "
                    "%}{{ ns.x == [ns.x] }}{{ ns.x }}")
                .find("steps"),
            std::string::npos);
  EXPECT_NE(failure("{{ " + std::string(1000, '(') + "1" + std::string(1000, ')') + " }}").find("levels"),
            std::string::npos);
  const std::string texts = "{% set s = 'a' * 400000 %}{% set t = 'a' * 200000 ~ 'b' %}{% for i in range(300) %}{{ ";
  for (const char* each :
       {"t in s", "s.find(t)", "s.rfind('b' ~ t)", "s.count(t)", "s|length", "s == s ~ ''", "s|wordcount",
        "s.startswith(s)", "s.split(t)|length", "s.rsplit('b' ~ s)|length", "s.partition(t)|length"})
    EXPECT_NE(failure(texts + each + " }}{% endfor %}", {.steps = 2'000'000}).find("steps"), std::string::npos) << each;
  EXPECT_NE(failure("{{ n|string * 20 }}", {.bytes = 10}).find("grows beyond 10 bytes"), std::string::npos);
  std::string sum = "{{ 1";
  for (int i = 0; i < 20000; ++i) sum += " + 1";
  EXPECT_EQ(render(sum + " }}"), "20001");
}

}  // namespace
}  // namespace limpid::jinja
