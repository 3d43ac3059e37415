#pragma once
// Per-record gradients of an unmodified model from one forward pass and one backward pass along the data path.
//
// The forward pass is recorded (recorder.h); one call of LibTorch's engine then computes the gradient of every recorded
// operator's output and no weight gradient. From an operator's inputs and the gradient of its output each use
// (parameter_use.h) yields squared norms per record and weighted sums; the per-record gradients themselves are formed
// only where that is cheapest. A parameter that is used several times counts once: its gradient is the sum over the
// uses, cross terms included.
//
// Every step checks that records do not mix and that no parameter is missed; what cannot be shown is refused.

#include <ATen/core/Tensor.h>
#include <sotto/optim/explanation.h>
#include <sotto/optim/parameter_use.h>
#include <sotto/optim/recorder.h>
#include <sotto/optim/step_device.h>
#include <sotto/optim/use_planner.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::optim {

// What is done with a model that the tape has no rules for.
enum class Fallback {
  none,        // it is refused
  per_record,  // every record is run on its own, whatever the model is made of: exact, and many times slower
};

struct TapeOptions {
  Fallback fallback = Fallback::none;
  Strategy force_strategy = Strategy::automatic;  // for tests and measurements; a strategy that cannot apply is ignored
  // Memory of one physical batch, from the forward pass to the weighted sum: activations, gradients of outputs,
  // per-record gradients that are kept; not what single operators need while they run, nor parameters and their sums.
  // Not booked: gradients that wait for further uses of their parameter, or until the backward pass has ended where a
  // function of parameters or a recomputed segment is in the way, and what embeddings, biases and norms hold. Under a
  // profiler of LibTorch the forward pass counts as nothing, which notes() says.
  // 0: a fifth more than the forward pass leaves behind, or than the parameters have. Where that cannot be, as little
  // as possible is held.
  int64_t memory_bytes = 0;
  int64_t chunk_bytes = 16LL << 20;  // size of one piece of the per-record gradients that are not kept
  KernelCosts costs = {};            // what strategies are chosen by, with the shapes
  // The losses are multiplied by this before the backward pass and every gradient is divided by it in float: keeps
  // small gradients of half-precision operators above zero. A power of two changes nothing else.
  double loss_scale = 1.0;
  StepDevice device = {};  // where the parameters and inputs are
  // Called when a phase of a step has ended ("forward", "backward", "norms", ...), for measurements.
  std::function<void(std::string_view phase)> phase_ended = {};
};

// The per-record gradients of one physical batch of B records. Valid until the parameters change, and while the Tape
// lives where it is.
class PerRecordGradients {
 public:
  int64_t batch() const { return batch_; }

  // Squared norms of each record's gradient over the parameters of one group, see SquaredNorms for the error bounds.
  SquaredNorms squared_norms(size_t group) const {
    const auto row = static_cast<int64_t>(group);
    return {norms_.computed[row], norms_.slack[row]};
  }
  // The same of all groups, [groups, B] each.
  const SquaredNorms& squared_norms() const { return norms_; }

  // An upper bound of the norm of record i's gradient over one group, rounding included; NaN or infinite when the
  // gradient is not finite. Waits for a device.
  double norm_bound(size_t group, int64_t record) const;

  // sums[p] += sum_i weights[group of p][i] g_i, for all parameters. `weights` is [groups, B] in float, where the
  // parameters are; weight 0 leaves a record out entirely, also when its gradient is not finite. sums[p] is contiguous,
  // of the parameter's sizes and sum_dtype(). A sum that is not defined stands for zeros, and is made when there is
  // something to add. Once: what is summed is freed.
  void add_weighted(const at::Tensor& weights, std::vector<at::Tensor>& sums);

  // What the uses are planned to hold at most, from the backward pass to the weighted sum.
  int64_t planned_bytes() const;

  // The smallest TapeOptions::memory_bytes that this physical batch can be brought to, whatever it was run with. From
  // shapes alone; 0 with Fallback::per_record, and of the forward pass under a profiler of LibTorch.
  int64_t least_bytes() const { return least_bytes_; }

  // Strategy of each use, in the order of the record: "layer.weight aten::linear keep". Before add_weighted().
  std::vector<std::string> describe() const;

  // What was replaced while the model ran: "aten::lstm taken apart (oneDNN's fused layer off)".
  std::vector<std::string> notes() const { return {recording_.notes.begin(), recording_.notes.end()}; }

 private:
  friend class Tape;
  // Uses of the elements of one source: a parameter, or a function of parameters that gradients are pulled back
  // through.
  struct OfSource {
    std::vector<size_t> uses;  // into recording_.uses; when settled, those that a gradient reached and none took over
    size_t waiting = 0;        // uses without their gradient yet
    bool pulled = false;       // a parameter that some use sees through a function
    bool settled = false;
  };
  void begin_norms();
  void end_norms();
  // In this order: what the backward pass will reach, every use that it reached, and what is left when it has ended.
  void expect_uses(int64_t memory_bytes, int64_t forward_bytes);
  void use_bound(size_t use);
  void settle_all();
  void add_uses(size_t first);
  void plan_all();
  int64_t bytes_of_element(const RecordedUse& use) const;
  void settle(size_t source);  // chooses strategies; norms, if the source is a parameter that nothing is pulled back to
  size_t next_sum(const std::vector<size_t>& waiting, const std::vector<at::Tensor>& sums) const;
  void free_uses(size_t source);
  bool has_one_plain_use(size_t parameter) const;
  void for_each_summed_rows(size_t parameter,
                            const std::function<void(int64_t begin, const at::Tensor& rows)>& visit) const;
  void for_each_pulled_rows(
      const std::function<void(size_t parameter, int64_t begin, const at::Tensor& rows)>& visit) const;
  at::Tensor rows_of_source(size_t source, int64_t begin, int64_t end) const;

  int64_t batch_ = 0;
  const std::vector<NamedParameter>* parameters_ = nullptr;
  const std::vector<size_t>* groups_ = nullptr;
  size_t group_count_ = 1;
  Recording recording_;
  std::map<size_t, OfSource> of_source_;  // by expression; every parameter has an entry
  std::vector<at::Tensor> rows_;          // by parameter [B, N], with Fallback::per_record alone
  StepDevice device_;                     // on the stream of this step
  SquaredNorms norms_;                    // [groups, B]
  std::vector<SquaredNorms> norms_of_parameter_;
  const TapeOptions* options_ = nullptr;
  int64_t memory_bytes_ = 0;
  int64_t forward_bytes_ = 0;  // that the forward pass left behind
  int64_t least_bytes_ = 0;
  std::vector<PlannedUse> plans_;  // by use
  bool summed_ = false;
  bool whole_ = true;  // all uses are known before the backward pass
};

class Tape {
 public:
  // `groups[p]` is the group of parameter p (0 for all when empty). Parameters must be distinct leaves that require
  // grad, in float, double, fp16 or bf16 (sum_dtype.h), on the options' device; constants are the model's buffers and
  // frozen parameters. Throws UsageError otherwise.
  Tape(std::vector<NamedParameter> parameters, std::vector<at::Tensor> constants, std::vector<size_t> groups = {},
       TapeOptions options = {});

  // Runs `losses`, which maps the inputs to one loss per record [B], and back. Every input has the batch (the same B >=
  // 2) in dimension 0. `active[i]` = false marks padding: its loss is not differentiated. Throws UsageError, see
  // recorder.h. With Fallback::per_record `losses` gets batches of a single record, B >= 1, padding is not run, all
  // rows are kept (B x the parameters' bytes), and what is refused is a model that computes with tensors from
  // elsewhere, an earlier record for example, or changes a parameter, buffer or constant. Numbers that the program
  // carries from one record to the next are not seen here, only by the probe (probe.h).
  PerRecordGradients run(const std::vector<at::Tensor>& inputs,
                         const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses,
                         const std::vector<bool>& active = {});

  // The table of one such run. A model that is refused is no exception: the table goes on behind the refusal, and all
  // parameters without a rule are problems, not only the first.
  Explanation explain(const std::vector<at::Tensor>& inputs,
                      const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses);

  const std::vector<NamedParameter>& parameters() const { return parameters_; }
  size_t group_count() const { return group_count_; }

 private:
  PerRecordGradients run_recorded(const std::vector<at::Tensor>& inputs,
                                  const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses,
                                  const std::vector<bool>& active, bool recompute);
  PerRecordGradients run_one_by_one(const std::vector<at::Tensor>& inputs,
                                    const std::function<at::Tensor(const std::vector<at::Tensor>&)>& losses,
                                    const std::vector<bool>& active);

  std::vector<NamedParameter> parameters_;
  std::vector<at::Tensor> constants_;
  std::vector<size_t> groups_;
  size_t group_count_ = 1;
  TapeOptions options_;
};

}  // namespace sotto::optim
