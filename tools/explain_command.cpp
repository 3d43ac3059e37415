#include <sotto/tools/cost_figures.h>
#include <sotto/tools/explain_command.h>
#include <sotto/tools/model_flags.h>
#include <sotto/tools/numbers.h>
#include <sotto/tools/training_library.h>
#include <sotto/tools/training_plan.h>

#include <memory>
#include <ostream>
#include <string>

namespace sotto::tools {
namespace {

constexpr const char* kExplainExample = R"(Examples:
  $ sotto explain --model cnn --input 8x1x28x28
  $ sotto explain --model net.ts --input 8x12 --input-type tokens:50 --json
  $ sotto explain --model net.ts --input 8x3x32x32 --short
  $ sotto explain --model net.ts --input 8x3x32x32 --adapt lora --lora-targets '*query,*value'
  $ sotto explain --model resnet20 --input 128x3x32x32 --strategy

Runs the model on made-up records, in the mode in which it was exported, and prints every operator, where the records
are in its result, the rule and strategy of every parameter, what the model holds that is not trained (frozen parameters,
buffers, other tensors), and the verdict. The loss is cross entropy with made-up
labels: one for each record, or the mean over its tokens when the model returns scores for each.
Strategies: rank_one (one position), gram (inner products of positions), keep (per-record gradients are kept for the sum),
drop (made for the norm, and again for the sum). They follow from shapes, memory and the costs of this machine's kernels
(sotto bench costs), never from values.
Exit code 0: every parameter has a rule, and independence of the records is proven and probed; 65: refused.
)";

}  // namespace

void add_explain_command(CLI::App& app, std::ostream& out, std::ostream& err, int& exit_code) {
  const auto job = std::make_shared<TrainingJob>();
  job->kind = TrainingJob::Kind::explain;
  job->out = &out;
  job->err = &err;

  CLI::App* command = app.add_subcommand("explain", "Whether a model keeps its records apart, operator by operator");
  command->footer(kExplainExample);
  TrainOptions& model = job->options;
  command->add_option("--model", model.model, kModelHelp)->type_name("MODEL")->required();
  command->add_option("--input", job->explain.input, "Records and the sizes of one, such as 8x1x28x28")
      ->type_name("SIZES")
      ->required();
  command->add_option("--input-type", job->explain.input_type, "float, or tokens:VOCABULARY [float]")
      ->type_name("TYPE");
  command
      ->add_option("--adapt", model.adapt,
                   "What is trained of mobilenet: head or bias [head]; lora of a file, as in sotto train")
      ->type_name("WAY");
  command->add_option("--lora-rank", model.lora_rank, find_train_key("lora-rank")->help)->type_name("R");
  command->add_option("--lora-alpha", model.lora_alpha, find_train_key("lora-alpha")->help)->type_name("ALPHA");
  command->add_option("--lora-targets", model.lora_targets, "Linear layers of --adapt lora, names with * and commas")
      ->type_name("NAMES");
  command->add_flag("--strategy", job->explain.strategy,
                    "Print how each parameter's norms and sums are computed, what that holds and costs by the plan");
  const auto memory = std::make_shared<std::string>("0");
  command
      ->add_option("--memory", *memory,
                   "What the plan may hold for these records, 2GiB for example [a fifth more than a plain step holds]")
      ->type_name("BYTES");
  command->add_option("--kernel-costs", job->explain.kernel_costs, std::string(kKernelCostsHelp) + " [measured]")
      ->type_name("COSTS");
  command->add_option("--device", job->explain.device, std::string(kDeviceHelp) + " [cpu]")->type_name("DEVICE");
  command->add_flag("--short", job->explain.short_form, "Print the verdict with its problems and notes alone");
  command->add_flag("--json", job->json, "Print one JSON object on the standard output");
  command->callback([job, memory, &exit_code] {
    check_adaptation(job->options);
    job->explain.memory_bytes = parse_bytes("--memory", *memory);
    parse_cost_figures("--kernel-costs", job->explain.kernel_costs);
    parse_input_sizes(job->explain.input);  // refuses before LibTorch is loaded
    parse_input_type(job->explain.input_type);
    job->device = choose_device(job->explain.device, *job->err);
    exit_code = run_training_job(*job);
  });
}

}  // namespace sotto::tools
