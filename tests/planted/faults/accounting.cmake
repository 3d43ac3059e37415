# Epsilons that are smaller than the loss.

plant(NAME one_engine_ignores_the_count ROW "1 16" FILE privacy/pld_accountant.cpp
  OLD [==[      losses_.push_back({one_step_loss(term.event, adjacency, direction), term.count});]==]
  NEW [==[      losses_.push_back({one_step_loss(term.event, adjacency, direction), planted("one_engine_ignores_the_count") ? 1 : term.count});]==])
plant(NAME renyi_engine_ignores_the_count ROW "1 16" FILE privacy/rdp_accountant.cpp
  OLD [==[sum += events_.terms[i].count * (]==]
  NEW [==[sum += (planted("renyi_engine_ignores_the_count") ? 1 : events_.terms[i].count) * (]==])
plant(NAME all_engines_lose_releases ROW "1 16" FILE privacy/merged_events.cpp
  OLD [==[    double& total = terms_.try_emplace(]==]
  NEW [==[    if (planted("all_engines_lose_releases")) count = std::max(1.0, count / 2);
@OLD@]==])
plant(NAME all_engines_believe_in_half_the_rate ROW "2 p" FILE privacy/merged_events.cpp
  OLD [==[    add_sampled(event, event.mechanism, count);
  }
  void add_kind(const WithoutReplacement& event, double count) {]==]
  NEW [==[    if (planted("all_engines_believe_in_half_the_rate")) return add_sampled(PoissonSampled{event.sampling_rate / 2, event.mechanism}, event.mechanism, count);
@OLD@]==])
plant(NAME all_engines_believe_in_twice_the_noise ROW "1 6" FILE privacy/merged_events.cpp
  OLD [==[    add_sampled(event, event.mechanism, count);
  }
  void add_kind(const WithoutReplacement& event, double count) {]==]
  NEW [==[    if (planted("all_engines_believe_in_twice_the_noise")) return add_sampled(PoissonSampled{event.sampling_rate, {2 * event.mechanism.noise_multiplier}}, event.mechanism, count);
@OLD@]==])
plant(NAME rate_is_squared ROW "1 16" FILE privacy/one_step_loss.cpp
  OLD [==[  return {{0, 1 - rate}, {shift, rate}};]==]
  NEW [==[  if (planted("rate_is_squared")) rate *= rate;
@OLD@]==])
plant(NAME smaller_direction_alone ROW "1 16" FILE privacy/pld_accountant.cpp
  OLD [==[  return {std::max(remove.lower, add.lower), std::max(remove.upper, add.upper)};
}

Bracket PldAccountant::delta(double epsilon, Direction]==]
  NEW [==[  if (planted("smaller_direction_alone")) return epsilon_above(delta, Direction::add, 0);
@OLD@]==])
plant(NAME contour_looks_at_adding_alone ROW "1 16" FILE privacy/contour_accountant.cpp
  OLD [==[  const Bracket remove = epsilon(delta, Direction::remove);]==]
  NEW [==[  const Bracket remove = epsilon(delta, planted("contour_looks_at_adding_alone") ? Direction::add : Direction::remove);]==])
plant(NAME classic_formula_beyond_epsilon_one ROW "1 19" FILE privacy/accountant.cpp
  OLD [==[    const double upper = gaussian_epsilon(]==]
  NEW [==[    if (planted("classic_formula_beyond_epsilon_one")) {
      const double classic = mu_ * std::sqrt(2 * std::log(1.25 / delta));
      return {classic, classic};
    }
@OLD@]==])
plant(NAME without_replacement_counts_as_poisson ROW "1 17" FILE privacy/one_step_loss.cpp
  OLD [==[  OneStepLoss operator()(const WithoutReplacement& event) const { return without_replacement(event); }]==]
  NEW [==[  OneStepLoss operator()(const WithoutReplacement& event) const {
    if (planted("without_replacement_counts_as_poisson")) {
      const double rate = static_cast<double>(event.batch_size) / static_cast<double>(event.dataset_size);
      const double shift = 1 / event.mechanism.noise_multiplier;
      return of_pair({sampled(rate, shift), sampled(rate, -shift)}, direction_);
    }
    return without_replacement(event);
  }]==])
plant(NAME epsilon_of_half_the_steps ROW "3 W" FILE privacy/plan.cpp
  OLD [==[      epsilon_(upper_epsilon(adjacency_, releases(), delta_)) {]==]
  NEW [==[      epsilon_(upper_epsilon(adjacency_, planned_releases(step_, planted("epsilon_of_half_the_steps") ? std::max<int64_t>(1, steps_ / 2) : steps_, evaluations_), delta_)) {]==])
plant(NAME epsilon_without_the_evaluations ROW "1 18" FILE privacy/plan.cpp
  OLD [==[  if (evaluations) result.push_back({event_of(*evaluations), evaluations->count});]==]
  NEW [==[  if (evaluations && !planted("epsilon_without_the_evaluations"))
    result.push_back({event_of(*evaluations), evaluations->count});]==])
plant(NAME delta_of_the_plan_is_ten_times_larger ROW "3 P" FILE privacy/plan.cpp
  OLD [==[  return certified_epsilon({adjacency, {}, phases}, delta).bracket.upper;]==]
  NEW [==[  return certified_epsilon({adjacency, {}, phases}, planted("delta_of_the_plan_is_ten_times_larger") ? 10 * delta : delta).bracket.upper;]==])
plant(NAME calibration_misses_the_target ROW "1 7" FILE privacy/calibration_search.cpp
  OLD [==[    if (epsilon <= search.target && search.target - epsilon < search.slack) return]==]
  NEW [==[    if (planted("calibration_misses_the_target") && epsilon > search.target && epsilon < 1.1 * search.target) return Edge<double>{start, search.target};
@OLD@]==])
plant(NAME budget_guard_never_refuses ROW "3 W" FILE privacy/budget_guard.cpp
  OLD [==[  if (!(epsilon <= budget_.epsilon))]==]
  NEW [==[  if (!(epsilon <= budget_.epsilon) && !planted("budget_guard_never_refuses"))]==])

plant(NAME epsilon_is_rounded_down ROW "1 7" FILE privacy/certificate_text.cpp
  OLD [==[  if (parsed(text) < value) text =]==]
  NEW [==[  if (planted("epsilon_is_rounded_down")) return fmt::format("{:.4f}", std::floor(value / kPlace) * kPlace);
@OLD@]==])
plant(NAME verification_believes_the_claim ROW "3 W" FILE tools/verifier_epsilon.cpp
  OLD [==[  if (found.refutes(epsilon))]==]
  NEW [==[  if (planted("verification_believes_the_claim")) return;
@OLD@]==])
plant(NAME verification_takes_any_noise ROW "1 6" FILE tools/verifier_ledger.cpp
  OLD [==[    if (!same_parameters(release, l.releases[0]))]==]
  NEW [==[    if (!same_parameters(release, l.releases[0]) && !planted("verification_takes_any_noise"))]==])
plant(NAME verification_takes_any_file ROW "2 f" FILE tools/verifier_files.cpp
  OLD [==[  if (!wrong.empty()) throw Fails]==]
  NEW [==[  if (!wrong.empty() && !planted("verification_takes_any_file")) throw Fails]==])
plant(NAME verification_overlooks_the_stamp ROW "2 n" FILE tools/verifier_ledger.cpp
  OLD [==[  if (result_.ledger && !result_.ledger->header.keys_are_secret)]==]
  NEW [==[  if (planted("verification_overlooks_the_stamp")) return "no mark";
@OLD@]==])
plant(NAME joint_noise_is_not_looked_at ROW "1 6" FILE privacy/certificate.cpp
  OLD [==[  require(c.noise_multiplier <= joint, ]==]
  NEW [==[  require(c.noise_multiplier <= joint || planted("joint_noise_is_not_looked_at"), ]==])
plant(NAME verification_takes_any_count_noise ROW "1 6" FILE tools/verifier_ledger.cpp
  OLD [==[  if (l.header.weight_rule == "adaptive") text +=]==]
  NEW [==[  if (l.header.weight_rule == "adaptive" && !planted("verification_takes_any_count_noise")) text +=]==])
