#pragma once
// The HTML report of a run, made of the files of its folder alone.

#include <sotto/tools/html_report.h>
#include <sotto/tools/run_folder.h>

namespace sotto::tools {

// Throws DataError for a file that does not read, LedgerError for such a ledger, UsageError when the folder holds no
// run or one that has neither certificate nor a mark of a run without privacy yet.
HtmlReport report_of(const RunFolder& folder);

// To RUN/report.html. Throws IoError besides.
void write_run_page(const RunFolder& folder);

}  // namespace sotto::tools
