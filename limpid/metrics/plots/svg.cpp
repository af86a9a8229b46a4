#include "limpid/metrics/plots/svg.h"

#include <cmath>
#include <cstdio>

namespace limpid::svg {

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string number(double value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.2f", std::isfinite(value) ? value : 0.0);
  std::string text = buffer;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string element(const char* name, const std::string& attributes, const std::string& tooltip) {
  if (tooltip.empty()) return concat("<", name, attributes, "/>\n");
  return concat("<", name, attributes, "><title>", escape(tooltip), "</title></", name, ">\n");
}

std::string text(double x, double y, const std::string& content, Anchor anchor, const std::string& more) {
  constexpr const char* kAnchors[] = {"", " text-anchor=\"middle\"", " text-anchor=\"end\""};
  return concat("<text", attributes("x", x, "y", y), kAnchors[size_t(anchor)], more, ">", escape(content), "</text>\n");
}

std::string document(double width, double height, const std::string& title, const std::string& content) {
  const std::string ground = element("rect", attributes("width", width, "height", height, "fill", "#fff"));
  return concat("<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\"",
                attributes("width", width, "height", height, "viewBox",
                           concat("0 0 ", number(width), " ", number(height)), "aria-label", title, "font-family",
                           "system-ui, Helvetica, Arial, sans-serif", "font-size", 12, "fill", "#333"),
                ">\n", ground, content, "</svg>\n");
}

}  // namespace limpid::svg
