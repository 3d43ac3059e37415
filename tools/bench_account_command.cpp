#include <fmt/format.h>
#include <sotto/benchmarks/account_questions.h>
#include <sotto/benchmarks/account_speed.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/bench_account_command.h>
#include <sotto/tools/numbers.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>

namespace sotto::tools {
namespace {

constexpr const char* kBenchAccountExample = R"(Example:
  $ sotto bench account

Each row is measured in a process of its own: the median and the fastest time of the runs after the first, the first run
with cold caches, the most memory that was resident, and the bar of its kind. `--questions FILE` answers the rows of a
table like those of tests/golden instead, by every method; benchmarks/compare_accountants.sh sets them beside other
accountants.
)";

struct Flags {
  std::string runs = "101", row, questions, width = "1e-3";
  bool json = false;
};

void bench_account(const Flags& flags, std::ostream& out) {
  constexpr int64_t kMostRuns = 100'000;
  const int64_t runs = parse_integer("--runs", flags.runs);
  if (runs < 1 || runs > kMostRuns)
    throw UsageError(fmt::format("[--runs] bad value: {}; allowed is an integer from 1 to {}", runs, kMostRuns));
  if (!flags.questions.empty()) {
    const double width = parse_real("--width", flags.width);
    if (!(width > 0)) throw UsageError(fmt::format("[--width] bad value: {}; allowed is a number above 0", width));
    if (!flags.json) throw UsageError("[bench account] the answers to --questions are JSON; give --json as well");
    out << benchmarks::answers_as_json(benchmarks::read_account_questions(flags.questions), width,
                                       static_cast<int>(runs));
    return;
  }
  std::vector<benchmarks::AccountRow> rows = benchmarks::account_rows();
  rows.push_back(benchmarks::process_row(std::filesystem::read_symlink("/proc/self/exe").string()));
  if (!flags.row.empty()) {
    std::string names;
    for (const auto& row : rows) names += (names.empty() ? "" : ", ") + row.name;
    std::erase_if(rows, [&](const benchmarks::AccountRow& row) { return row.name != flags.row; });
    if (rows.empty()) throw UsageError(fmt::format("[--row] unknown row: '{}'; allowed are {}", flags.row, names));
  }
  const auto measurements = benchmarks::measure(rows, static_cast<int>(runs));
  out << (flags.json ? benchmarks::to_json(measurements) : benchmarks::to_text(measurements));
}

}  // namespace

void add_bench_account_command(CLI::App& bench, std::ostream& out) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* command = bench.add_subcommand("account", "The accountant's speed, beside what it has to reach");
  command->footer(kBenchAccountExample);
  command->add_option("--runs", flags->runs, "Most runs of each row, the first included [101]")->type_name("N");
  command->add_option("--row", flags->row, "Measure this row alone; its name is in the JSON")->type_name("NAME");
  command->add_option("--questions", flags->questions, "Answer the rows of this table instead")->type_name("FILE");
  command->add_option("--width", flags->width, "Of the brackets of those answers [1e-3]")->type_name("W");
  command->add_flag("--json", flags->json, "Print one JSON object on the standard output");
  command->callback([flags, &out] { bench_account(*flags, out); });
}

}  // namespace sotto::tools
