#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/commands/files.h"
#include "apps/terminal.h"
#include "limpid/core/number_text.h"
#include "limpid/data/generations.h"
#include "limpid/data/named_data.h"
#include "limpid/metrics/mask.h"
#include "limpid/metrics/table.h"

/// `limpid data`: the data that come with the program, listed, shown and written out.
namespace limpid::apps {
namespace {

using OrderedRow = nlohmann::ordered_json;

void mask_texts(const WordMask& words, OrderedRow& value) {
  if (value.is_string()) value = words.mask(value.get<std::string>());
  if (value.is_structured())
    for (OrderedRow& part : value) mask_texts(words, part);
}

/// Says on standard error what a set holds, before its words are written out.
void note_offence(const NamedData& data, bool quiet) {
  terminal().set_quiet(quiet);
  if (data.offensive)
    terminal().info(concat(data.name, ": holds offensive text, for research that lowers it (licence ", data.licence,
                           "; share/limpid/data/NOTICE.md)"));
}

}  // namespace

int run(const DataCommand& options) {
  const std::vector<NamedData> list = named_data();
  if (options.json) {
    Json sets = Json::array();
    for (const NamedData& data : list)
      sets.push_back({{"name", data.name},
                      {"what", data.what},
                      {"rows", data.rows},
                      {"fields", data.fields},
                      {"licence", data.licence},
                      {"offensive", data.offensive},
                      {"bytes", data.bytes},
                      {"sha256", data.sha256}});
    std::cout << to_text(sets, 1) << '\n';
    return 0;
  }
  Table table;
  table.column("name", Table::Align::kLeft)
      .column("what", Table::Align::kLeft)
      .column("rows")
      .column("licence", Table::Align::kLeft);
  for (const NamedData& data : list) table.row({data.name, data.what, thousands(data.rows), data.licence});
  std::cout << table.to_markdown();
  return 0;
}

int run(const DataShowCommand& options) {
  const NamedData data = find_named_data(options.name);
  const std::string content = read_named_data(data);
  if (options.unmasked) note_offence(data, options.quiet);
  const WordMask words;
  int64_t shown = 0;
  for_each_line(content, [&](std::string_view line, size_t) {
    if (shown++ >= options.rows) return;
    if (options.unmasked) {
      std::cout << line << '\n';
    } else if (data.fields.empty()) {
      std::cout << words.mask(line) << '\n';
    } else {
      OrderedRow row = OrderedRow::parse(line);
      mask_texts(words, row);
      std::cout << row.dump(-1, ' ', false, OrderedRow::error_handler_t::replace) << '\n';
    }
  });
  return 0;
}

int run(const DataExportCommand& options) {
  const NamedData data = find_named_data(options.name);
  const std::string content = read_named_data(data);
  note_offence(data, options.quiet);
  if (options.output == "-")
    std::cout << content;
  else
    write_file(options.output, content);
  return 0;
}

}  // namespace limpid::apps
