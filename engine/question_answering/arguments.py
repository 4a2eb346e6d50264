"""The flags of a training run, as SparseML's question-answering command had them; no torch, no transformers.

`RunArguments` and `CommonTraining` describe what the training command has beside transformers' own TrainingArguments:
screens and checks read them without loading transformers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def _flag(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass
class ModelArguments:
    """Which model to train, and where its configuration and tokenizer come from."""

    model_name_or_path: str = field(metadata={"help": "Model folder, zoo: stub or Hugging Face id"})
    config_name: str | None = _flag(None, "Configuration folder or id, if it is not the model's")
    tokenizer_name: str | None = _flag(None, "Tokenizer folder or id, if it is not the model's")
    cache_dir: str | None = _flag(None, "Folder for what is downloaded from the Hugging Face hub")
    model_revision: str = _flag("main", "Branch, tag or commit of the model on the Hugging Face hub")
    use_auth_token: bool = _flag(False, "Use the token of `hf auth login` for private models")


@dataclass
class DataTrainingArguments:
    """Which questions to train and evaluate on, and how they become tokens and answers."""

    dataset_name: str | None = _flag(None, "Dataset: `facts` (bundled) or an id on the Hugging Face hub, such as squad")
    dataset_config_name: str | None = _flag(None, "Configuration of the dataset on the hub")
    train_file: str | None = _flag(None, "Training questions: SQuAD JSON, rows as JSON or CSV (each also .gz), Parquet")
    validation_file: str | None = _flag(None, "Evaluation questions, in the same formats")
    test_file: str | None = _flag(None, "Questions to predict answers for, in the same formats")
    overwrite_cache: bool = _flag(False, "Download a hub dataset and turn text into tokens again")
    preprocessing_num_workers: int | None = _flag(None, "Threads that turn text into tokens (all cores by default)")
    max_seq_length: int = _flag(384, "Longest input in tokens; longer contexts are read in windows")
    pad_to_max_length: bool = _flag(False, "Pad every input to max_seq_length, not only to the longest of its batch")
    max_train_samples: int | None = _flag(None, "Use only so many training questions")
    max_eval_samples: int | None = _flag(None, "Use only so many evaluation questions")
    max_predict_samples: int | None = _flag(None, "Use only so many test questions")
    version_2_with_negative: bool = _flag(False, "Some questions have no answer (SQuAD 2.0)")
    null_score_diff_threshold: float = _flag(0.0, "How much better `no answer` must score than the best answer to win")
    doc_stride: int = _flag(128, "How many tokens neighbouring windows of a context share")
    n_best_size: int = _flag(20, "How many starts and ends are tried, and candidates kept")
    max_answer_length: int = _flag(30, "Longest answer in tokens")
    one_shot: bool = _flag(False, "Apply the recipe once without training, then evaluate")
    num_export_samples: int = _flag(0, "Save so many inputs and outputs of the trained model as .npz files")


@dataclass
class RunArguments:
    """What SparseML added to the training arguments of transformers."""

    recipe: str | None = _flag(None, "Recipe: a file (.yaml, .md), a zoo: stub or the text itself")
    recipe_args: str | None = _flag(None, "Recipe variables to override: a JSON object or name=value,name=value")
    distill_teacher: str | None = _flag(None, "Teacher: model folder, zoo: stub, Hugging Face id, `self` or `disable`")
    best_model_after_epoch: float | None = _flag(None, "Forget the best model as long as the epoch is not above this")
    overwrite_output_dir: bool = _flag(False, "Write into an output folder that is not empty")
    save_minutes: float | None = _flag(None, "Write a checkpoint whenever so many minutes have passed since the last")
    cache_teacher: bool = _flag(True, "Ask the teacher once for each window and keep its logits for later epochs")
    export: bool = _flag(False, "Export to ONNX when training is finished")
    nproc_per_node: int = _flag(1, "Processes that train together on this machine, one for each GPU (gloo on CPUs)")
    nnodes: int = _flag(1, "Machines that train together; start the same command on each of them")
    node_rank: int = _flag(0, "Which of the machines this is; 0 writes the model, the others only help")
    rdzv_endpoint: str | None = _flag(None, "HOST:PORT of machine 0, where the processes of all machines meet")
    max_restarts: int = _flag(0, "How often the run goes on from its last checkpoint when one of the processes dies")
    launcher: str = _flag("here", "Where the engine runs: here, slurm (a job of the cluster), local (a rehearsal)")
    slurm_partition: str | None = _flag(None, "Partition of the cluster job")
    slurm_time: int = _flag(1440, "Minutes that the cluster job may take; before its end it stops at a checkpoint")
    slurm_gpus: int | None = _flag(None, "GPUs of each machine of the cluster job (default: one for each process)")
    slurm_options: str | None = _flag(None, "Further options of the cluster job, as submitit takes them: a JSON object")
    sparseml_compatible: bool = _flag(False, "Keep SparseML's defects that change numbers (docs/recipes.md lists them)")


@dataclass
class CommonTraining:
    """The training arguments of transformers that people set most, with their defaults; all others are accepted too."""

    output_dir: str | None = _flag(None, "Folder for the trained model (default: in the run's directory)")
    do_train: bool = _flag(False, "Train")
    do_eval: bool = _flag(False, "Evaluate when training is finished")
    do_predict: bool = _flag(False, "Predict answers for the test questions when training is finished")
    per_device_train_batch_size: int = _flag(8, "Training batch on each device")
    per_device_eval_batch_size: int = _flag(8, "Evaluation batch on each device")
    gradient_accumulation_steps: int = _flag(1, "Batches for each optimizer step")
    learning_rate: float = _flag(5e-5, "First learning rate; a recipe with a learning-rate modifier overrides it")
    weight_decay: float = _flag(0.0, "Weight decay of AdamW")
    max_grad_norm: float = _flag(1.0, "Gradients are clipped to this norm (0: not at all)")
    num_train_epochs: float = _flag(3.0, "Epochs; a recipe's own number overrides it")
    max_steps: int = _flag(-1, "Stop after so many optimizer steps (-1: by epochs)")
    warmup_steps: float = _flag(0, "Steps (or, below 1, the share) over which the learning rate rises")
    lr_scheduler_type: str = _flag("linear", "Learning-rate schedule where the recipe has none")
    eval_strategy: str = _flag("no", "When to evaluate during training: no, steps or epoch")
    eval_steps: float | None = _flag(None, "Steps between evaluations")
    save_strategy: str = _flag("steps", "When to write checkpoints: no, steps, epoch or best")
    save_steps: float = _flag(500, "Steps between checkpoints")
    save_total_limit: int | None = _flag(None, "Keep only so many checkpoints")
    logging_steps: float = _flag(500, "Steps between lines of the trainer's own log")
    load_best_model_at_end: bool = _flag(False, "Keep the best checkpoint's weights, by metric_for_best_model")
    metric_for_best_model: str | None = _flag(None, "f1 or exact_match")
    resume_from_checkpoint: str | None = _flag(None, "Checkpoint folder to go on from")
    fp16: bool = _flag(False, "Half precision (off while quantization is simulated)")
    bf16: bool = _flag(False, "Brain float precision (off while quantization is simulated)")
    use_cpu: bool = _flag(False, "Use the CPU even where there is a GPU")
    seed: int = _flag(42, "Seed of all random numbers")
    dataloader_num_workers: int = _flag(0, "Processes that prepare batches")


GROUPS: dict[str, type] = {
    "model": ModelArguments,
    "data": DataTrainingArguments,
    "run": RunArguments,
    "training": CommonTraining,
}

RENAMED = {
    "evaluation_strategy": "eval_strategy",
    "per_gpu_train_batch_size": "per_device_train_batch_size",
    "per_gpu_eval_batch_size": "per_device_eval_batch_size",
    "warmup_ratio": "warmup_steps",
    "no_cuda": "use_cpu",
    "push_to_hub_token": "hub_token",
    "push_to_hub_model_id": "hub_model_id",
}
"""Flags of older transformers → their names today."""

WITHOUT_EFFECT = frozenset(
    {
        "dispatch_batches",
        "fp16_backend",
        "fp16_opt_level",
        "fsdp_min_num_params",
        "fsdp_transformer_layer_cls_to_wrap",
        "half_precision_backend",
        "include_inputs_for_metrics",
        "include_tokens_per_second",
        "jit_mode_eval",
        "logging_dir",
        "mp_parameters",
        "past_index",
        "push_to_hub_organization",
        "ray_scope",
        "save_safetensors",
        "sharded_ddp",
        "split_batches",
        "torchdynamo",
        "tpu_metrics_debug",
        "tpu_num_cores",
        "use_ipex",
        "use_legacy_prediction_loop",
        "use_mps_device",
    }
)
"""Flags of older transformers that nothing reads any more: accepted, with a word about it."""

REPLACED = frozenset({"adafactor", "group_by_length"})
"""Switches of older transformers that the engine translates into values of other flags."""

METADATA = ("per_device_train_batch_size", "per_device_eval_batch_size", "doc_stride", "fp16", "max_seq_length")
"""Arguments that are written into the saved recipe's `__metadata__`."""
