#pragma once
// `sotto account rdp`: Renyi divergences of a run, by direction.

#include <sotto/tools/account_question.h>

#include <iosfwd>
#include <string_view>
#include <vector>

namespace sotto::tools {

struct RdpRow {
  double order = 0;
  double remove = 0;  // D_order(P || Q), with the record against without
  double add = 0;     // D_order(Q || P)
};

// Orders of a list "2,8.5,inf". Throws UsageError naming --order.
std::vector<double> read_orders(std::string_view text);

// Poisson sampling and full batches under add_remove and zero_out: both directions, exact to a relative 1e-11 (rdp.h).
// Everything else: the bound that RdpAccountant uses for both directions. Throws UsageError naming the flag where there
// is none.
std::vector<RdpRow> rdp_rows(const AccountQuestion& question, const std::vector<double>& orders);

enum class RdpFormat { text, csv, json };
void print_rdp(const AccountQuestion& question, const std::vector<RdpRow>& rows, RdpFormat format, std::ostream& out);

}  // namespace sotto::tools
