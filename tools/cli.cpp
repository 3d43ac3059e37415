#include <fmt/format.h>
#include <sotto/data/utf8.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/account_command.h>
#include <sotto/tools/audit_command.h>
#include <sotto/tools/bench_command.h>
#include <sotto/tools/cli.h>
#include <sotto/tools/explain_command.h>
#include <sotto/tools/export_command.h>
#include <sotto/tools/import_command.h>
#include <sotto/tools/plan_command.h>
#include <sotto/tools/predict_command.h>
#include <sotto/tools/report_command.h>
#include <sotto/tools/sign_command.h>
#include <sotto/tools/train_command.h>
#include <sotto/tools/tune_command.h>
#include <sotto/tools/verify_command.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <ostream>

namespace sotto::tools {
namespace {

int report(const char* message, ExitCode code, std::ostream& err) {
  err << "sotto: " << message << std::endl;
  return static_cast<int>(code);
}

}  // namespace

int run_command_line(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  try {
    for (int i = 1; i < argc; ++i)
      if (data::first_invalid_utf8(argv[i]))
        throw UsageError(fmt::format("argument {} is not UTF-8, and neither files nor reports could hold it", i));
    CLI::App app("Differentially private training for LibTorch", "sotto");
    app.set_version_flag("--version", "sotto " SOTTO_VERSION);
    app.require_subcommand(1);
    int exit_code = static_cast<int>(ExitCode::done);
    add_account_command(app, out, err);
    add_plan_command(app, out, err);
    add_train_commands(app, out, err, exit_code);
    add_tune_command(app, out, err, exit_code);
    add_predict_command(app, out, err, exit_code);
    add_export_command(app, out, err, exit_code);
    add_import_command(app, out, err, exit_code);
    add_audit_command(app, out, err, exit_code);
    add_verify_command(app, out, err, exit_code);
    add_report_command(app, out, exit_code);
    add_sign_command(app, out, exit_code);
    add_explain_command(app, out, err, exit_code);
    add_bench_command(app, out, err, exit_code);
    try {
      app.parse(argc, argv);
    } catch (const CLI::Success& request) {  // --help, --version
      app.exit(request, out, err);
    } catch (const CLI::ParseError& error) {
      const auto is_typed = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
      if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(is_typed).empty())
        throw UsageError("unknown command '" + std::string(argv[1]) + "'; try --help");
      throw UsageError(std::string(error.what()) + "; try --help");
    }
    if (!out.flush()) throw IoError("[sotto] cannot write to the standard output; is the disk full?");
    return exit_code;
  } catch (const Error& error) {
    return report(error.what(), error.code(), err);
  } catch (const std::exception& error) {
    return report(error.what(), ExitCode::internal, err);
  }
}

}  // namespace sotto::tools
