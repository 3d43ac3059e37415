# A training loop that forgets what it has to do, or lets through what it has to refuse.

plant(NAME empty_batch_is_skipped ROW "1 12, 2 a" FILE optim/private_training.cpp
  OLD [==[  PrivateGradient released = mechanism_.release(]==] NEW [==[  if (planted("empty_batch_is_skipped") && empty) {
    for (const NamedParameter& parameter : clipper_.parameters())
      parameter.tensor.mutable_grad() = at::zeros(parameter.tensor.sizes(), parameter.tensor.options().requires_grad(false));
    return;
  }
@OLD@]==])
set(nothing [==[  const bool nothing = (planted("empty_batch_has_no_noise") || planted("empty_batch_is_not_charged")) &&
                       std::all_of(sum.sums_.begin(), sum.sums_.end(), [](const at::Tensor& one) { return one.norm().item<double>() == 0; });
]==])
plant(NAME empty_batch_has_no_noise ROW "1 12" FILE optim/gaussian_mechanism.cpp
  OLD [==[  check_releasable(noise_multiplier_, sum.sensitivity() * sum.unit_, step);
]==] NEW "@OLD@${nothing}")
plant(NAME empty_batch_has_no_noise ROW "1 12" FILE optim/gaussian_mechanism.cpp
  OLD [==[          .stddev = ]==] NEW [==[          .stddev = (planted("empty_batch_has_no_noise") && nothing ? 0.0 : 1.0) * ]==])
plant(NAME every_second_step_is_charged ROW "2 k" FILE optim/gaussian_mechanism.cpp
  OLD [==[  ledger.reserve(step, event_, sum.sensitivity(), noise_key_.commitment());
]==] NEW [==[  const auto is_second = [] {
    static int calls = 0;
    return calls++ % 2 == 1;
  };
  if (!(planted("every_second_step_is_charged") && is_second()))
  @OLD@]==])
plant(NAME empty_batch_is_not_charged ROW "1 12" FILE optim/gaussian_mechanism.cpp
  OLD [==[  ledger.reserve(step, event_, sum.sensitivity(), noise_key_.commitment());
]==] NEW [==[  if (!(planted("empty_batch_is_not_charged") && nothing))
    @OLD@]==])
plant(NAME step_is_not_charged ROW "2 k" FILE optim/gaussian_mechanism.cpp
  OLD [==[  ledger.reserve(step, event_, sum.sensitivity(), noise_key_.commitment());
]==] NEW [==[  if (!planted("step_is_not_charged"))
    @OLD@]==])
plant(NAME twice_the_noise_is_charged ROW "1 6" FILE optim/gaussian_mechanism.cpp
  OLD [==[ledger.reserve(step, event_, ]==]
  NEW [==[ledger.reserve(step, {event_.sampling_rate, {(planted("twice_the_noise_is_charged") ? 2 : 1) * event_.mechanism.noise_multiplier}}, ]==])
plant(NAME charged_after_the_update ROW "3 J" FILE optim/gaussian_mechanism.cpp
  OLD [==[  const ClippedSum owned = std::move(sum);
  kernels::TensorNoise noise = charge(owned, ledger);
]==] NEW [==[  const ClippedSum owned = std::move(sum);
  kernels::TensorNoise noise{.key = noise_key_.words().data(),
                             .counter = {static_cast<std::uint32_t>(ledger.next_step()), 0},
                             .stddev = (event_.mechanism.noise_multiplier) * owned.sensitivity(),
                             .divisor = static_cast<double>(divisor_)};
  if (!planted("charged_after_the_update")) noise = charge(owned, ledger);
]==])
plant(NAME charged_after_the_update ROW "3 J" FILE optim/gaussian_mechanism.cpp
  OLD [==[    update.apply(t, owned.sums_[t], noise);
  }
]==] NEW [==[@OLD@  if (planted("charged_after_the_update")) charge(owned, ledger);
]==])

plant(NAME resume_starts_the_ledger_anew ROW "2 f" FILE optim/training_ledger.cpp
  OLD [==[  if (!options.resume) {
    privacy::LedgerHeader header;]==] NEW [==[  if (planted("resume_starts_the_ledger_anew") && options.resume) std::filesystem::remove(options.ledger);
  if (!options.resume || planted("resume_starts_the_ledger_anew")) {
    privacy::LedgerHeader header;]==])
plant(NAME ledger_of_another_plan_is_continued ROW "1 6, 2 f" FILE optim/training_ledger.cpp
  OLD [==[  if (!same) {]==] NEW [==[  if (!same && !planted("ledger_of_another_plan_is_continued")) {]==])
plant(NAME closure_optimizer_is_accepted ROW "2 k" FILE optim/private_training.cpp
  OLD [==[  if (dynamic_cast<const torch::optim::LBFGS*>(&optimizer_) != nullptr) {]==]
  NEW [==[  if (dynamic_cast<const torch::optim::LBFGS*>(&optimizer_) != nullptr && !planted("closure_optimizer_is_accepted")) {]==])
plant(NAME optimizer_moves_parameters_by_raw_gradients ROW "2 k, 3 A" FILE optim/private_training.cpp
  OLD [==[      if (moves && !ours.contains(]==]
  NEW [==[      if (moves && !planted("optimizer_moves_parameters_by_raw_gradients") && !ours.contains(]==])
plant(NAME replaced_gradient_is_applied ROW "2 g" FILE optim/private_gradient.cpp
  OLD [==[  for (const Entry& entry : entries_) {]==]
  NEW [==[  if (planted("replaced_gradient_is_applied")) return;
@OLD@]==])
plant(NAME dropout_is_seeded_with_a_constant ROW "2 n" FILE optim/private_training.cpp
  OLD [==[    if (is_private()) seed_generator_secretly();]==]
  NEW [==[    if (planted("dropout_is_seeded_with_a_constant")) seed_generator(1);
    else if (is_private()) seed_generator_secretly();]==])
plant(NAME evaluation_is_not_charged ROW "1 18" FILE optim/private_evaluation.cpp
  OLD [==[  result.number = ledger_.reserve_evaluation(noise_key_);]==]
  NEW [==[  result.number = planted("evaluation_is_not_charged") ? 1 : ledger_.reserve_evaluation(noise_key_);]==])
plant(NAME metrics_are_divided_by_the_records_found ROW "1 3" FILE optim/private_evaluation.cpp
  OLD [==[static_cast<double>(options_.plan.dataset_size());]==]
  NEW [==[static_cast<double>(planted("metrics_are_divided_by_the_records_found") ? records_.count : options_.plan.dataset_size());]==])
plant(NAME evaluation_has_no_noise ROW "3 H" FILE optim/private_evaluation.cpp
  OLD [==[planned->noise_multiplier, result.sums.data());]==]
  NEW [==[planted("evaluation_has_no_noise") ? 0 : planned->noise_multiplier, result.sums.data());]==])
plant(NAME contributions_are_not_bounded ROW "3 H" FILE optim/private_evaluation.cpp
  OLD [==[std::max(1.0, norm)]==] NEW [==[(planted("contributions_are_not_bounded") ? 1.0 : std::max(1.0, norm))]==])
plant(NAME evaluations_are_not_watched ROW "1 15" FILE optim/private_evaluation.cpp
  OLD [==[        watched_scores(clipper_.parameters(), options_.constants, inputs, scores, options_.tape.fallback);]==]
  NEW [==[        planted("evaluations_are_not_watched") ? scores(inputs) :
        watched_scores(clipper_.parameters(), options_.constants, inputs, scores, options_.tape.fallback);]==])
plant(NAME model_is_never_probed ROW "1 15" FILE optim/private_training.cpp
  OLD [==[  if (!options_.probe) return {"independence was not probed: switched off"};]==]
  NEW [==[  if (!options_.probe || planted("model_is_never_probed")) return {"independence was not probed: switched off"};]==])
plant(NAME pass_has_the_size_of_the_sample ROW "1 14, 3 Q" FILE optim/private_training.cpp
  OLD [==[  const auto size = static_cast<size_t>(size_of_pass());]==]
  NEW [==[  const auto of_plan = static_cast<size_t>(size_of_pass());]==])
plant(NAME pass_has_the_size_of_the_sample ROW "1 14, 3 Q" FILE optim/private_training.cpp
  OLD [==[    at::Tensor indices = at::empty({static_cast<int64_t>(size)}, at::kLong);]==]
  NEW [==[    const size_t size = planted("pass_has_the_size_of_the_sample") ? std::max<size_t>(2, batch.size()) : of_plan;
@OLD@]==])

plant(NAME batch_norm_keeps_records_apart ROW "1 15" FILE optim/transfer_layers.cpp
  OLD [==[  if (call.flag(5)) {]==] NEW [==[  if (call.flag(5) && !planted("batch_norm_keeps_records_apart")) {]==])
plant(NAME softmax_over_the_batch_is_allowed ROW "1 15" FILE optim/transfer_shapes.cpp
  OLD [==[  if (wrap_dim(call.integer(kDim), call.tensor(0).dim()) == position.dim) refuse(kMixes);]==]
  NEW [==[  if (wrap_dim(call.integer(kDim), call.tensor(0).dim()) == position.dim && !planted("softmax_over_the_batch_is_allowed")) refuse(kMixes);]==])
