"""What a new recipe begins with."""

TEMPLATE = """\
# Prune to 80 % over the first two thirds, distil from the teacher all the way.
num_epochs: 10
init_lr: 5e-5
final_sparsity: 0.8
pruning_end_epoch: eval(round(num_epochs * 2 / 3))

training_modifiers:
  - !EpochRangeModifier
    start_epoch: 0.0
    end_epoch: eval(num_epochs)

  - !LearningRateFunctionModifier
    start_epoch: 0.0
    end_epoch: eval(num_epochs)
    lr_func: linear
    init_lr: eval(init_lr)
    final_lr: 0.0

pruning_modifiers:
  - !GMPruningModifier
    params: __ALL_PRUNABLE__
    start_epoch: 1.0
    end_epoch: eval(pruning_end_epoch)
    init_sparsity: 0.05
    final_sparsity: eval(final_sparsity)
    update_frequency: 0.1

distillation_modifiers:
  - !DistillationModifier
    hardness: 1.0
    temperature: 2.0
    distill_output_keys: [start_logits, end_logits]
"""
