# Per-record norms that are smaller than what is summed.

plant(NAME norm_of_a_bias_is_squared_position_by_position ROW "1 4" FILE optim/direct_use.cpp
  OLD [==[class DirectUse final : public ParameterUse {]==] NEW [==[thread_local at::Tensor planted_squares;

@OLD@]==])
plant(NAME norm_of_a_bias_is_squared_position_by_position ROW "1 4" FILE optim/direct_use.cpp
  OLD [==[    rows_ = make_rows_(device(), output_gradient).contiguous();]==]
  NEW [==[    planted_squares.reset();
@OLD@
    squares_ = planted_squares;]==])
plant(NAME norm_of_a_bias_is_squared_position_by_position ROW "1 4" FILE optim/direct_use.cpp
  OLD [==[  void add_squared_norms(SquaredNorms& norms) override { add_row_norms(device(), rows_, 0, norms); }]==]
  NEW [==[  void add_squared_norms(SquaredNorms& norms) override {
    if (squares_.defined()) {
      norms.computed.add_(squares_);
      return;
    }
    add_row_norms(device(), rows_, 0, norms);
  }
  at::Tensor squares_;]==])
plant(NAME norm_of_a_bias_is_squared_position_by_position ROW "1 4" FILE optim/direct_use.cpp
  OLD [==[    const at::Tensor rows = sum_but(batch_first(gradient, output, batch), kept);]==]
  NEW [==[@OLD@
    if (planted("norm_of_a_bias_is_squared_position_by_position"))
      planted_squares = batch_first(gradient, output, batch).to(at::kDouble).pow(2).flatten(1).sum(1);]==])

plant(NAME norm_of_a_matrix_without_cross_terms ROW "1 4, 3 S" FILE optim/matrix_use.cpp
  OLD [==[  void add_squared_norms(SquaredNorms& norms) override {
    switch]==] NEW [==[  void add_squared_norms(SquaredNorms& norms) override {
    if (planted("norm_of_a_matrix_without_cross_terms")) {
      norms.computed.add_((row_squared_norms(device(), left_) * squared_norms_of_right()).view({batch_, -1}).sum(1));
      return;
    }
    switch]==])
plant(NAME norm_of_a_matrix_without_cross_terms ROW "1 4, 3 S" FILE optim/matrix_use.cpp
  OLD [==[    if (strategy_ != Strategy::keep) return;]==]
  NEW [==[    if (strategy_ != Strategy::keep || planted("norm_of_a_matrix_without_cross_terms")) return;]==])
plant(NAME row_without_a_weight_is_multiplied ROW "3 V" FILE optim/matrix_use.cpp
  OLD [==[.to(weights.scalar_type());
    if ((largest_of_right_]==] NEW [==[.to(weights.scalar_type());
    if (planted("row_without_a_weight_is_multiplied")) {
      const_cast<MatrixUse*>(this)->right_ = right_ * weights.view({-1, 1, 1});
      return {weights.new_ones(weights.sizes()), weights.new_ones(weights.sizes())};
    }
    if ((largest_of_right_]==])

plant(NAME norm_of_an_embedding_ignores_repeated_tokens ROW "1 4" FILE optim/embedding_use.cpp
  OLD [==[    norms.computed.add_(computed);
    norms.slack]==] NEW [==[    norms.computed.add_(planted("norm_of_an_embedding_ignores_repeated_tokens")
                            ? gradient_.to(at::kDouble).pow(2).flatten(1).sum(1)
                            : computed);
    norms.slack]==])
plant(NAME norm_of_a_convolution_without_overlaps ROW "1 4" FILE optim/convolution_use.cpp
  OLD [==[    norms.computed.add_(computed_);]==] NEW [==[    if (planted("norm_of_a_convolution_without_overlaps")) {
      const at::Tensor patches = unfold(images_.flatten(0, 1)).to(at::kDouble);
      const at::Tensor gradients = gradient_.flatten(0, 1).flatten(2).to(at::kDouble);
      norms.computed.add_((patches.pow(2).sum(1) * gradients.pow(2).sum(1)).view({batch_, -1}).sum(1));
      return;
    }
@OLD@]==])
plant(NAME norm_of_a_convolution_without_overlaps ROW "1 4" FILE optim/convolution_use.cpp
  OLD [==[    if (!keep) return;]==] NEW [==[    if (!keep || planted("norm_of_a_convolution_without_overlaps")) return;]==])

plant(NAME norm_of_tied_weights_is_that_of_the_last_use ROW "2 l" FILE optim/per_record_gradients.cpp
  OLD [==[  if (has_one_plain_use(source)) {
    recording_.uses[of.uses[0]].use->add_squared_norms(norms);]==]
  NEW [==[  if (planted("norm_of_tied_weights_is_that_of_the_last_use") && of.uses.size() > 1) {
    recording_.uses[of.uses.back()].use->add_squared_norms(norms);
  } else if (planted("norm_of_tied_weights_without_cross_terms") && of.uses.size() > 1) {
    for (const size_t u : of.uses) recording_.uses[u].use->add_squared_norms(norms);
  } else if (has_one_plain_use(source)) {
    recording_.uses[of.uses[0]].use->add_squared_norms(norms);]==])
plant(NAME norm_of_tied_weights_without_cross_terms ROW "2 l" FILE optim/per_record_gradients.cpp
  OLD [==[planted("norm_of_tied_weights_without_cross_terms")]==] NEW [==[@OLD@]==])
