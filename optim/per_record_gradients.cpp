#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>
#include <sotto/kernels/record_weights.h>
#include <sotto/optim/full_precision.h>
#include <sotto/optim/pull_back.h>
#include <sotto/optim/record_rows.h>
#include <sotto/optim/sum_dtype.h>
#include <sotto/optim/tape.h>
#include <sotto/optim/without_autocast.h>
#include <sotto/privacy/error.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace sotto::optim {
double PerRecordGradients::norm_bound(size_t group, int64_t record) const {
  const SquaredNorms norms = squared_norms(group);
  return kernels::record_norm_bound(norms.computed[record].item<double>(), norms.slack[record].item<double>());
}

void PerRecordGradients::begin_norms() {
  const auto zeros = [&](size_t rows) {
    const at::TensorOptions options = parameters_->at(0).tensor.options().requires_grad(false).dtype(at::kDouble);
    return at::zeros({static_cast<int64_t>(rows), batch_}, options);
  };
  norms_ = {zeros(group_count_), zeros(group_count_)};
  const SquaredNorms all{zeros(parameters_->size()), zeros(parameters_->size())};
  norms_of_parameter_.clear();
  for (int64_t p = 0; p < all.computed.size(0); ++p) norms_of_parameter_.push_back({all.computed[p], all.slack[p]});
}

// In the order of the parameters, whatever the order of the backward pass.
void PerRecordGradients::end_norms() {
  for (size_t p = 0; p < norms_of_parameter_.size(); ++p) {
    const SquaredNorms of_group = squared_norms((*groups_)[p]);
    of_group.computed.add_(norms_of_parameter_[p].computed);
    of_group.slack.add_(norms_of_parameter_[p].slack);
  }
  norms_of_parameter_.clear();
}

void PerRecordGradients::expect_uses(int64_t memory_bytes, int64_t forward_bytes) {
  memory_bytes_ = memory_bytes;
  forward_bytes_ = forward_bytes;
  whole_ = recording_.segments.empty();
  begin_norms();
  for (size_t p = 0; p < parameters_->size(); ++p) of_source_[p];
  add_uses(0);
  if (whole_) plan_all();
}

void PerRecordGradients::add_uses(size_t first) {
  for (size_t u = first; u < recording_.uses.size(); ++u) {
    const size_t source = recording_.expressions[recording_.uses[u].expression].source;
    OfSource& of = of_source_[source];
    of.uses.push_back(u);
    ++of.waiting;
    if (source < parameters_->size()) continue;
    for (size_t p : recording_.expressions[source].parameters) of_source_[p].pulled = true;
  }
}

// Uses that one of them will absorb are planned as one, at the place of the first.
void PerRecordGradients::plan_all() {
  std::map<size_t, UseToPlan> groups;  // by the first use of each
  std::vector<size_t> group_of(recording_.uses.size(), 0);
  for (const auto& [source, of] : of_source_) {
    std::vector<size_t> firsts;  // of this source
    for (size_t u : of.uses) {
      const RecordedUse& use = recording_.uses[u];
      const UseShape shape = use.use ? use.use->shape() : UseShape{};
      const auto joined = std::find_if(firsts.begin(), firsts.end(), [&](size_t first) {
        const UseShape& other = groups.at(first).shape;
        return shape.positions > 0 && other.positions > 0 && recording_.uses[first].map == use.map &&
               other.rows == shape.rows && other.columns == shape.columns;
      });
      group_of[u] = joined == firsts.end() ? u : *joined;
      if (joined == firsts.end()) {
        firsts.push_back(u);
        groups[u] = {shape, use.bytes_before, bytes_of_element(use)};
      } else {
        UseShape& other = groups.at(*joined).shape;
        other.positions += shape.positions;
        other.factors += shape.factors;
        other.multiplications += shape.multiplications;
      }
    }
    // Norm and sum of a parameter with several uses are those of rows that are summed over the uses.
    const bool plain =
        source < parameters_->size() && !of.pulled && firsts.size() == 1 && !recording_.uses[firsts[0]].map.repeats();
    for (size_t first : firsts) {
      if (!plain) groups.at(first).shape.positions = 0;
    }
  }
  std::vector<UseToPlan> to_plan;
  for (const auto& [first, group] : groups) to_plan.push_back(group);
  const Strategy forced = options_->force_strategy;
  std::vector<PlannedUse> plans = plan_uses(to_plan, batch_, memory_bytes_, options_->costs);
  least_bytes_ = std::max(forward_bytes_, optim::least_bytes(to_plan, batch_));
  plans_.resize(recording_.uses.size());
  size_t g = 0;
  for (const auto& [first, group] : groups) {
    plans_[first] = forced == Strategy::automatic
                        ? plans[g]
                        : forced_plan(forced, group.shape, batch_, group.element_bytes, options_->costs);
    ++g;
  }
  for (size_t u = 0; u < plans_.size(); ++u) {
    if (group_of[u] != u) plans_[u].strategy = plans_[group_of[u]].strategy;
  }
}

int64_t PerRecordGradients::bytes_of_element(const RecordedUse& use) const {
  const size_t first = *recording_.expressions[use.expression].parameters.begin();
  return static_cast<int64_t>(at::elementSize(sum_dtype((*parameters_)[first].tensor)));
}

int64_t PerRecordGradients::planned_bytes() const {
  int64_t total = 0;
  for (const PlannedUse& plan : plans_) total += plan.held_bytes;
  return total;
}

// Where all gradients of a parameter are there, its norms are taken at once, so that what is not needed any more is
// freed before the backward pass goes on.
void PerRecordGradients::use_bound(size_t use) {
  const size_t source = recording_.expressions[recording_.uses[use].expression].source;
  OfSource& of = of_source_.at(source);
  SOTTO_ASSERT(of.waiting > 0 && !of.settled);
  --of.waiting;
  if (whole_ && of.waiting == 0 && source < parameters_->size() && !of.pulled) settle(source);
}

void PerRecordGradients::settle(size_t source) {
  OfSource& of = of_source_.at(source);
  of.settled = true;
  std::vector<size_t> uses;
  for (size_t u : of.uses) {
    RecordedUse& use = recording_.uses[u];
    if (!use.use) continue;
    const bool absorbed = std::any_of(uses.begin(), uses.end(), [&](size_t earlier) {
      return recording_.uses[earlier].map == use.map && recording_.uses[earlier].use->absorb(*use.use);
    });
    if (absorbed) {
      use.use.reset();
      use.absorbed = true;
    } else {
      uses.push_back(u);
    }
  }
  of.uses = std::move(uses);
  for (size_t u : of.uses) recording_.uses[u].use->choose(plans_[u].strategy, options_->chunk_bytes);
  if (source >= parameters_->size() || of.pulled || of.uses.empty()) return;
  SquaredNorms& norms = norms_of_parameter_[source];
  if (has_one_plain_use(source)) {
    recording_.uses[of.uses[0]].use->add_squared_norms(norms);
  } else {
    for_each_summed_rows(source,
                         [&](int64_t begin, const at::Tensor& rows) { add_row_norms(device_, rows, begin, norms); });
  }
}

void PerRecordGradients::settle_all() {
  if (!whole_) plan_all();
  // A function of parameters that no gradient reached has nothing to pull back.
  for (auto& [source, of] : of_source_) {
    if (!of.settled) of.pulled = false;
  }
  for (auto& [source, of] : of_source_) {
    if (source < parameters_->size()) continue;
    settle(source);
    if (of.uses.empty()) continue;
    for (size_t p : recording_.expressions[source].parameters) of_source_[p].pulled = true;
  }
  for (size_t p = 0; p < parameters_->size(); ++p) {
    if (!of_source_.at(p).settled) settle(p);
  }
  for_each_pulled_rows([&](size_t p, int64_t begin, const at::Tensor& rows) {
    add_row_norms(device_, rows, begin, norms_of_parameter_[p]);
  });
  end_norms();
}

// rows[n, N] of a source, summed over its uses, for records [begin, end).
at::Tensor PerRecordGradients::rows_of_source(size_t source, int64_t begin, int64_t end) const {
  const ParameterExpression& expression = recording_.expressions[source];
  const at::Tensor& parameter = (*parameters_)[*expression.parameters.begin()].tensor;
  at::Tensor rows = at::zeros({end - begin, expression.value.numel()}, sum_options(parameter));
  for (size_t u : of_source_.at(source).uses) {
    const RecordedUse& use = recording_.uses[u];
    const at::Tensor of_use = use.use->per_record(begin, end);
    check_rows(of_use, end - begin, use, expression);
    use.map.add(of_use, rows);
  }
  return rows;
}

// The use's own norm and weighted sum are those of the parameter.
bool PerRecordGradients::has_one_plain_use(size_t parameter) const {
  const OfSource& of = of_source_.at(parameter);
  return !of.pulled && of.uses.size() == 1 && !recording_.uses[of.uses[0]].map.repeats();
}

// The rows of a parameter with several uses: summed over the uses, chunk by chunk. Norm and weighted sum must come from
// the same rows, because uses may cancel.
void PerRecordGradients::for_each_summed_rows(
    size_t parameter, const std::function<void(int64_t begin, const at::Tensor& rows)>& visit) const {
  const at::Tensor& tensor = (*parameters_)[parameter].tensor;
  const int64_t bytes = sum_bytes(tensor);
  const int64_t chunk = std::max<int64_t>(1, options_->chunk_bytes / std::max<int64_t>(1, bytes));
  for (int64_t begin = 0; begin < batch_; begin += chunk) {
    visit(begin, rows_of_source(parameter, begin, std::min(batch_, begin + chunk)));
  }
}

// Parameters that reach a use through a function of parameters: the gradients of a chunk of records are pulled back
// through that function together. Exact for any function; twice per step, since norm and weighted sum must come from
// the same rows.
void PerRecordGradients::for_each_pulled_rows(
    const std::function<void(size_t parameter, int64_t begin, const at::Tensor& rows)>& visit) const {
  std::vector<size_t> members, sources;
  std::vector<at::Tensor> parameters, values;
  int64_t elements = 0;
  for (const auto& [source, of] : of_source_) {
    const at::Tensor& value = recording_.expressions[source].value;
    if (source < parameters_->size()) {
      if (!of.pulled) continue;
      members.push_back(source);
      parameters.push_back(value);
    } else {
      if (of.uses.empty()) continue;  // none was reached: a derivative that is not finite would make NaN of nothing
      sources.push_back(source);
      values.push_back(value);
    }
    elements += value.numel();
  }
  if (members.empty()) return;
  const double scale = options_->loss_scale;
  const int64_t bytes = elements * static_cast<int64_t>(at::elementSize(sum_dtype(parameters[0])));
  const int64_t chunk = std::max<int64_t>(1, options_->chunk_bytes / std::max<int64_t>(1, bytes));
  for (int64_t begin = 0; begin < batch_; begin += chunk) {
    const int64_t end = std::min(batch_, begin + chunk);
    std::vector<at::Tensor> gradients;
    for (size_t k = 0; k < sources.size(); ++k) {
      std::vector<int64_t> sizes = values[k].sizes().vec();
      sizes.insert(sizes.begin(), end - begin);
      const at::Tensor rows = rows_of_source(sources[k], begin, end).view(sizes);
      // Pulled back in the dtype of the function, where small numbers may need the scale again.
      gradients.push_back(scale == 1.0 ? rows : rows * scale);
    }
    const std::vector<at::Tensor> pulled = pull_back(values, gradients, parameters);
    for (size_t m = 0; m < members.size(); ++m) {
      at::Tensor rows = rows_of_source(members[m], begin, end);
      if (pulled[m].defined()) rows.add_(pulled[m].reshape(rows.sizes()), 1.0 / scale);
      visit(members[m], begin, rows);
    }
  }
}

constexpr int64_t kSmallSum = 1 << 16;  // bytes; a bias, which shares its gradient with a weight

// The place in `waiting` of the sum to make next, so that little is held at any time: while there are some that take
// little, or no more than they free, the smallest of these; then the one that frees most.
size_t PerRecordGradients::next_sum(const std::vector<size_t>& waiting, const std::vector<at::Tensor>& sums) const {
  size_t best = 0;
  std::tuple<bool, int64_t, size_t> least;
  for (size_t k = 0; k < waiting.size(); ++k) {
    const size_t p = waiting[k];
    const int64_t taken = sums[p].defined() ? 0 : sum_bytes((*parameters_)[p].tensor);
    int64_t freed = 0;
    for (size_t u : of_source_.at(p).uses) freed += recording_.uses[u].use->held_bytes();
    const bool first = taken <= std::max(freed, kSmallSum);
    const std::tuple<bool, int64_t, size_t> rank = {!first, first ? taken : -freed, p};
    if (k > 0 && rank >= least) continue;
    best = k;
    least = rank;
  }
  return best;
}

void PerRecordGradients::free_uses(size_t source) {
  for (size_t u : of_source_.at(source).uses) recording_.uses[u].use.reset();
}

void PerRecordGradients::add_weighted(const at::Tensor& weights, std::vector<at::Tensor>& sums) {
  const FullPrecision full_precision;
  const WithoutAutocast without_autocast;
  at::NoGradGuard no_grad;
  SOTTO_ASSERT(weights.sizes() == norms_.computed.sizes() && weights.scalar_type() == at::kFloat);
  SOTTO_ASSERT(weights.device() == norms_.computed.device() && sums.size() == parameters_->size());
  SOTTO_ASSERT(!std::exchange(summed_, true));
  const auto weights_of = [&](size_t group, const at::Tensor& like) {
    return weights[static_cast<int64_t>(group)].to(like.scalar_type()).contiguous();
  };
  const auto sum_of = [&](size_t p) -> at::Tensor& {
    const at::Tensor& parameter = (*parameters_)[p].tensor;
    if (!sums[p].defined()) sums[p] = zero_sum(parameter);
    return sums[p];
  };
  const auto add_rows = [&](size_t p, int64_t begin, const at::Tensor& rows) {
    at::Tensor total = sum_of(p).view({-1});
    const at::Tensor weight = weights_of((*groups_)[p], total);
    add_row_sum(device_, rows, weight.slice(0, begin, begin + rows.size(0)), total);
  };
  for (size_t p = 0; p < rows_.size(); ++p) add_rows(p, 0, rows_[p]);
  if (!rows_.empty()) return;
  std::vector<size_t> waiting;
  for (size_t p = 0; p < parameters_->size(); ++p) {
    if (!of_source_.at(p).pulled && !of_source_.at(p).uses.empty()) waiting.push_back(p);
  }
  while (!waiting.empty()) {
    const auto next = waiting.begin() + static_cast<std::ptrdiff_t>(next_sum(waiting, sums));
    const size_t p = *next;
    waiting.erase(next);
    const OfSource& of = of_source_.at(p);
    if (!has_one_plain_use(p)) {
      for_each_summed_rows(p, [&](int64_t begin, const at::Tensor& rows) { add_rows(p, begin, rows); });
      free_uses(p);
      continue;
    }
    const RecordedUse& use = recording_.uses[of.uses[0]];
    at::Tensor total = sum_of(p).view({-1});
    const at::Tensor weight = weights_of((*groups_)[p], total);
    if (use.map.is_identity(total.numel())) {
      use.use->add_weighted(weight, total);
    } else if (auto seen = use.map.view_on(total)) {
      use.use->add_weighted_strided(weight, *seen);
    } else {
      at::Tensor sum = at::zeros({use.map.elements()}, total.options());
      use.use->add_weighted(weight, sum);
      use.map.add(sum.unsqueeze(0), total.unsqueeze(0));
    }
    free_uses(p);
  }
  for_each_pulled_rows(add_rows);
  for (const auto& [source, of] : of_source_) free_uses(source);
}

std::vector<std::string> PerRecordGradients::describe() const {
  std::vector<std::string> lines;
  for (size_t p = 0; p < rows_.size(); ++p) lines.push_back((*parameters_)[p].name + " one record at a time");
  for (const RecordedUse& use : recording_.uses) {
    const char* strategy = use.use        ? to_string(use.use->strategy())
                           : use.absorbed ? "with an earlier use"
                                          : "no gradient";
    lines.push_back(
        fmt::format("{} {} {}", recording_.expressions[use.expression].parameter_names, use.operator_name, strategy));
  }
  lines.insert(lines.end(), recording_.notes.begin(), recording_.notes.end());
  return lines;
}

}  // namespace sotto::optim
