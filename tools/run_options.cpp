#include <sotto/privacy/error.h>
#include <sotto/tools/config_file.h>
#include <sotto/tools/cost_figures.h>
#include <sotto/tools/run_options.h>

namespace sotto::tools {

TrainOptions run_options(const RunFolder& folder) {
  folder.require_run();
  TrainOptions options = [&] {
    try {
      return train_options(read_config(folder.config()));
    } catch (const UsageError& error) {  // it was written by sotto, and edited since
      throw DataError(error.what());
    }
  }();
  if (!options.table_schema.empty()) options.table_schema = folder.schema().string();
  // Strategies were chosen by the run's own costs, or by built-in ones where it is of a version that had no others.
  if (options.kernel_costs.empty()) options.kernel_costs = kBuiltInCosts;
  return options;
}

}  // namespace sotto::tools
