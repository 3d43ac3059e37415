#include <sotto/privacy/error.h>
#include <sotto/tools/report_command.h>
#include <sotto/tools/run_page.h>

#include <memory>
#include <ostream>
#include <string>

namespace sotto::tools {
namespace {

constexpr const char* kReportExample = R"(Example:
  $ sotto report runs/first

Writes RUN/report.html anew, as sotto train does at the end of a run: one page that loads nothing from elsewhere, with the
guarantee, what is not covered, the learning curve, epsilon over the steps, noise against the largest signal, the command
that repeats the run and its files. It shows what the files say; whether that is true, sotto verify says.
)";

}  // namespace

void add_report_command(CLI::App& app, std::ostream& out, int& exit_code) {
  const auto run = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("report", "The report of a run as a page for the browser");
  command->footer(kReportExample);
  command->add_option("run", *run, "Folder of the run")->type_name("RUN")->required();
  command->callback([run, &out, &exit_code] {
    const RunFolder folder(*run);
    write_run_page(folder);
    out << folder.page().string() << '\n';
    exit_code = static_cast<int>(ExitCode::done);
  });
}

}  // namespace sotto::tools
