"""Sending a run's models to the Hugging Face hub: what goes wrong there costs no model and no time of training.

transformers' Trainer sends models by itself, but tells nobody where that fails, waits for it before it goes on, and
saves the model piece by piece to send it. So the sending is ours, with its flags, names and strategies.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
from transformers.trainer_utils import HubStrategy

from engine.errors import UserError, plain
from engine.hub_reach import hub_error
from engine.question_answering.artifacts import ORIGIN_FILE, SPARSIFICATION_FILE
from engine.question_answering.failures import RunFailure
from engine.question_answering.step_batch import BATCH_FILE
from engine.question_answering.training_arguments import TrainingArguments
from engine.runs.recorder import RunRecorder

UPLOADING = ".uploading"
"""Where a checkpoint's files wait in the output folder, as links, while they are sent: the checkpoint may go."""
_LEFT_OUT = ("_*", ".*", "checkpoint-*", "optimizer.*", "scheduler.*", "scaler.*", "training_args.bin")
"""What of the output folder is not the model's; the arguments of the training may hold the token."""
_STATE_OF_TRAINING = (*_LEFT_OUT, "rng_state*", "trainer_state.json", SPARSIFICATION_FILE, ORIGIN_FILE, BATCH_FILE)
"""What of a checkpoint is not the model's."""
_HINT = "check the network, the token (`hf auth login`, or HF_TOKEN) and --hub_model_id"


class UploadFailure(RunFailure):
    """The finished model could not be sent; it is whole on the disk."""


@dataclass
class _Sending:
    """A checkpoint under way; `error` is what ended it, `thread` does it and must not keep the process from ending."""

    name: str
    files: Path
    thread: threading.Thread | None = None
    error: BaseException | None = None


class HubUploads:
    """The uploads of one run.

    `repository` is None where the hub could not be reached: then only the finished model is tried.
    """

    def __init__(self, arguments: TrainingArguments, recorder: RunRecorder) -> None:
        self.arguments = arguments
        self.recorder = recorder
        self.repository: str | None = None
        self._under_way: list[_Sending] = []

    @property
    def _output(self) -> Path:
        return Path(str(self.arguments.output_dir))

    def open(self, *, must: bool) -> None:
        """Make the repository, if it is not there. Raises `UserError` where that fails and `must` be."""
        shutil.rmtree(self._output / UPLOADING, ignore_errors=True)  # of a process that was killed
        name = self.arguments.hub_model_id or self._output.absolute().name
        token, private = self.arguments.hub_token, self.arguments.hub_private_repo
        try:
            made = huggingface_hub.HfApi().create_repo(name, token=token, private=private, exist_ok=True)
        except Exception as error:
            if not (said := hub_error(error)):
                raise
            message = f"--push_to_hub: no repository {plain(name)} on the hub: {said}"
            if must:
                raise UserError(message, f"{_HINT}, or leave out --push_to_hub") from error
            self.recorder.emit("alert", level="warning", message=message, hint="tried again with the finished model")
        else:
            self.repository = made.repo_id

    def send_checkpoint(self, checkpoint: Path, moment: str) -> None:
        """Begin to send a checkpoint, as --hub_strategy wants it; what became of those before it is told."""
        self._tell()
        strategy = HubStrategy(self.arguments.hub_strategy)
        busy = bool(self._under_way) and not self.arguments.hub_always_push
        if self.repository is None or strategy is HubStrategy.END or busy:
            return
        folders = {HubStrategy.CHECKPOINT: "last-checkpoint", HubStrategy.ALL_CHECKPOINTS: checkpoint.name}
        sending = _Sending(checkpoint.name, self._linked(checkpoint))
        arguments = (sending, f"Training in progress, {moment}", folders.get(strategy))
        sending.thread = threading.Thread(target=self._send, args=arguments, name="upload", daemon=True)
        self._under_way.append(sending)
        sending.thread.start()

    def send_finished(self, write_card: Callable[[str], None]) -> None:
        """Send the output folder, after what is under way; `write_card` adds its README, given the repository.

        Raises `UploadFailure` where that fails.
        """
        for sending in self._under_way:
            if sending.thread is not None:
                sending.thread.join()
        self._tell()
        try:
            if self.repository is None:
                self.open(must=True)
            write_card(str(self.repository))
            self._upload(self._output, "End of training", ignored=_LEFT_OUT)
        except UserError as error:
            raise UploadFailure(error.message, self._by_hand()) from error
        except Exception as error:
            if not (said := hub_error(error)):
                raise
            message = f"the model was not sent to {self.repository}: {said}"
            raise UploadFailure(message, self._by_hand()) from error

    def _by_hand(self) -> str:
        name = self.repository or self.arguments.hub_model_id or self._output.absolute().name
        return f"the model is whole in {self._output}; `hf upload {name} {self._output}` sends it"

    def _linked(self, checkpoint: Path) -> Path:
        target = checkpoint.parent / UPLOADING / checkpoint.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(checkpoint, target, copy_function=_link)
        return target

    def _send(self, sending: _Sending, message: str, folder: str | None) -> None:
        try:
            self._upload(sending.files, message, ignored=_STATE_OF_TRAINING)
            if folder is not None:
                self._upload(sending.files, f"{message}, checkpoint", folder=folder)
        except BaseException as error:  # told by the main thread
            sending.error = error

    def _upload(
        self, files: Path, message: str, *, folder: str | None = None, ignored: tuple[str, ...] = ("training_args.bin",)
    ) -> None:
        huggingface_hub.HfApi().upload_folder(
            repo_id=str(self.repository),
            folder_path=files,
            path_in_repo=folder,
            commit_message=message,
            token=self.arguments.hub_token,
            revision=self.arguments.hub_revision,
            ignore_patterns=list(ignored),
        )

    def _tell(self) -> None:
        """Say which uploads failed, and forget all that ended."""
        for sending in [each for each in self._under_way if each.thread is None or not each.thread.is_alive()]:
            self._under_way.remove(sending)
            shutil.rmtree(sending.files, ignore_errors=True)
            if sending.error is None:
                continue
            said = plain(str(sending.error) or type(sending.error).__name__, 200)
            message = f"{sending.name} was not sent to {self.repository}: {said}"
            self.recorder.emit("alert", level="warning", message=message, hint="training goes on")
        with contextlib.suppress(OSError):
            (self._output / UPLOADING).rmdir()


def _link(source: str, target: str) -> None:
    """A second name takes no room; a copy where the file system has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
