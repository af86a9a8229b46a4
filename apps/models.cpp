#include <iostream>

#include "apps/commands.h"
#include "apps/terminal.h"
#include "limpid/checkpoints/model_store.h"
#include "limpid/metrics/table.h"

namespace limpid::apps {

int run_models(const ModelsOptions& options) {
  if (options.pull) {
    std::cout << pull(options.name, {}, terminal()).string() << '\n';
    return 0;
  }
  Table table;
  table.column("name", Table::Align::kLeft)
      .column("what", Table::Align::kLeft)
      .column("MB")
      .column("licence", Table::Align::kLeft)
      .column("place", Table::Align::kLeft);
  for (const ModelListing& one : list_models()) {
    const uint64_t megabytes = one.model->bytes() / 1000000;
    table.row({one.model->name, one.model->description, std::to_string(megabytes), one.model->licence,
               one.pulled ? one.place.string() : "limpid models pull " + one.model->name},
              {one.model->name, one.model->description, megabytes, one.model->licence,
               one.pulled ? Json(one.place.string()) : Json()});
  }
  std::cout << (options.json ? to_text(table.to_json(), 1) + "\n" : table.to_markdown());
  return 0;
}

}  // namespace limpid::apps
