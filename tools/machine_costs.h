#pragma once
// The costs of this machine's kernels, for programs with LibTorch: from the file that keeps them, or measured.

#include <sotto/optim/use_planner.h>
#include <sotto/tools/costs_file.h>
#include <sotto/tools/training_job.h>

#include <iosfwd>
#include <string>

namespace sotto::tools {

// Of this process: its processor, LibTorch's number of threads now, and the --matmul that it was started with.
CostsKey costs_key(const std::string& matmul);

// kept_costs() of costs_path(), measured by optim::measured_costs() where they have to be.
KeptCosts machine_costs(const std::string& matmul, bool refresh);

// The figures that --kernel-costs names, which make_training_plan() or the command has checked. A notice is written to
// `text` as a line.
CostFigures chosen_costs(const std::string& kernel_costs, const std::string& matmul, std::ostream& text);

optim::KernelCosts to_kernel_costs(const CostFigures& figures);
CostFigures to_figures(const optim::KernelCosts& costs);

// `sotto bench costs`: prints them.
void print_machine_costs(const TrainingJob& job);

}  // namespace sotto::tools
