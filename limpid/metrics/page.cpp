#include "limpid/metrics/page.h"

#include "limpid/core/error.h"
#include "limpid/metrics/plots/svg.h"

namespace limpid::page {
namespace {

constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--ground:#fff;--ink:#222;--pale:#6b6b6b;--line:#e2e2e2;--pane:#f7f7f7}
@media(prefers-color-scheme:dark){:root{--ground:#161616;--ink:#e6e6e6;--pale:#9a9a9a;--line:#3a3a3a;--pane:#1f1f1f}}
body{font:15px/1.5 system-ui,Helvetica,Arial,sans-serif;color:var(--ink);background:var(--ground);max-width:1100px;margin:32px auto;padding:0 16px}
h1{font-size:22px;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:18px;margin:32px 0 8px}h3{font-size:15px;margin:24px 0 6px;overflow-wrap:anywhere}
.scroll{overflow-x:auto}table{border-collapse:collapse}td,th{border-top:1px solid var(--line);padding:5px 14px 5px 0;vertical-align:top}
th{text-align:left;color:var(--pale);font-weight:600;border-top:0}.right{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
th.right{white-space:normal}@media(max-width:560px){table{font-size:13px}td,th{padding-right:8px}}
figure{margin:16px 0}figure svg{max-width:100%;height:auto}figcaption{color:var(--pale);font-size:13px}
@media(max-width:560px){figure{overflow-x:auto}figure svg{max-width:none}figcaption{position:sticky;left:0}}
.panes{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:12px}
.pane{background:var(--pane);border:1px solid var(--line);border-radius:6px;padding:8px 12px;min-width:0}
.pane b{font-size:13px;color:var(--pale);overflow-wrap:anywhere}.text{white-space:pre-wrap;overflow-wrap:anywhere}.same{color:var(--pale)}
)";

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    out += (begin == 0 ? "" : "\n") + svg::escape(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

std::string heading(int level, std::string_view text) {
  return concat("<h", level, ">", escape(text), "</h", level, ">\n");
}

std::string paragraph(std::string_view text) { return concat("<p>", escape(text), "</p>\n"); }

std::string table(const Table& table) { return concat("<div class=\"scroll\">", table.to_html(), "</div>\n"); }

std::string figure(const std::string& svg, std::string_view caption) {
  return concat("<figure>", svg, "<figcaption>", escape(caption), "</figcaption></figure>\n");
}

std::string side_by_side(std::string_view heading, const std::vector<Pane>& panes) {
  std::string out = concat("<h3>", escape(heading), "</h3>\n<div class=\"panes\">\n");
  for (const Pane& pane : panes) {
    const std::string_view text = pane.text;
    out += concat("<div class=\"pane\"><b>", escape(pane.title), "</b><div class=\"text\"><span class=\"same\">",
                  escape(text.substr(0, pane.same)), "</span>", escape(text.substr(pane.same)), "</div></div>\n");
  }
  return out + "</div>\n";
}

std::string document(std::string_view title, const std::string& body) {
  return concat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><title>",
      escape(title), "</title>\n<style>", kStyle, "</style></head><body>\n", body, "</body></html>\n");
}

}  // namespace limpid::page
